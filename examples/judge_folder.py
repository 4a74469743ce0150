"""Judge photos that any tool protected: python examples/judge_folder.py ORIGINALS PROTECTED

Both folders hold the same file names. Without output=..., nothing is written; with it, results.json and report.html.
"""

import sys

from privacy_faces import evaluate


def main(originals: str, protected: str) -> None:
    # Leave robustness and attackers out for the honest answer: it takes longer.
    results = evaluate(originals, protected, robustness=False, attackers=False)
    for method in results.methods:
        for row in method.success:
            if (row.measure, row.far, row.group) == ("dodging", 0.001, None):
                share = 100 * row.protected.value
                print(f"{row.recognizer}: {share:.0f} % of {row.protected.n} faces dodged at FAR 0.001")
        for failure in method.failures:
            print(f"{failure.photo}: {failure.reason}")


if __name__ == "__main__":
    main(*sys.argv[1:])
