"""What a run depends on beside its options: who judges, of those that want to judge as soon as they can, and what
lies at the paths that it is given."""

from __future__ import annotations

import logging
from collections.abc import Callable

from privacy_faces.config.plan import Plan, weights_of_recognizer
from privacy_faces.judge.thresholds import ThresholdError, load_thresholds, threshold_for
from privacy_faces.pipeline.people import contents_of
from privacy_faces.weights.places import absent, command

log = logging.getLogger(__name__)


def settled(plan: Plan, tell: Callable[[str], None] = log.info) -> Plan:
    """The plan with each of its optional recognizers that can judge among the recognizers, and none optional any more:
    the very plan of a user who names them all; and with the digests of what lies at its paths.

    One can judge where its weights are here and a threshold is known at the false accept rate of the run.

    Args:
        plan: a plan that is settled already comes back as it is.
        tell: is told of each one that cannot, in a line with the command that changes that.

    Raises:
        ThresholdError: when the threshold file is missing or malformed.
        PeopleError: when there are no photos of the people to choose.
    """
    if not plan.contents:
        plan = plan.given(contents_of(plan.run))
    judges = list(plan.run.recognizers)
    named = {choice.name for choice in judges}
    optional = [choice for choice in plan.run.optional_recognizers if choice.name not in named]
    for choice in optional:
        if missing := absent(weights_of_recognizer(choice, {})):
            tell(f"{choice.name} would judge too; get its weights: {' && '.join(map(command, missing))}")
            continue
        try:
            threshold_for(load_thresholds(plan.run.thresholds), choice.name, plan.run.far)
        except ThresholdError as error:
            tell(f"{choice.name} would judge too. {error}")
            continue
        judges.append(choice)
    return plan.judged_by(judges)
