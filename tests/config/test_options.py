"""Options: the models, the layers that lie over each other, every message about what does not fit, and the flags made
from the models."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import pytest
from click import UsageError
from click.testing import CliRunner
from pydantic import ValidationError

from privacy_faces.cli import main
from privacy_faces.cli.anonymize import command
from privacy_faces.cli.options import values_of
from privacy_faces.config.options import Choice, OptionError, Options, merge, nested
from privacy_faces.config.plan import NoMethodError, make_plan
from privacy_faces.config.profiles import PROFILES, load_config, load_profile
from privacy_faces.config.registry import INPAINTERS, METHODS, UnknownNameError
from privacy_faces.config.run import RunOptions
from privacy_faces.methods.inpainting.inpainters.options import ClassicalOptions
from privacy_faces.methods.options import BlurOptions, FillOptions, InpaintGradcamOptions, InpaintRandomOptions
from privacy_faces.recognizers.options import NoOptions
from tests.distributions import put_checkout

INSTALLED = sorted(METHODS.entries())


def config_file(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return path


class TestModels:
    @pytest.mark.parametrize(
        ("model", "values", "message"),
        [
            (BlurOptions, {"sigmaa": 0.1}, "unknown option 'sigmaa' of X: expected one of frame_size, sigma"),
            (NoOptions, {"size": 1}, "unknown option 'size' of X: it has no options"),
            (BlurOptions, {"sigma": 0.5}, "option 'sigma' of X: Input should be less than or equal to 0.3, got 0.5"),
            (BlurOptions, {"sigma": 0}, "option 'sigma' of X: Input should be greater than 0, got 0"),
            (
                BlurOptions,
                {"sigma": "much"},
                "option 'sigma' of X: Input should be a valid number, unable to parse string as a number, got 'much'",
            ),
            (
                ClassicalOptions,
                {"radius": float("inf")},
                "option 'radius' of X: Input should be a finite number, got inf",
            ),
            (BlurOptions, {"frame_size": 100}, "option 'frame_size' of X: Input should be a multiple of 8, got 100"),
            (FillOptions, {"color": "red"}, "option 'color' of X: Input should be 'skin' or 'black', got 'red'"),
            (
                InpaintGradcamOptions,
                {"surrogates": "facenet"},
                "option 'surrogates' of X: Input should be a valid list, got 'facenet'",
            ),
            (RunOptions, {"seed": -1}, "option 'seed' of X: Input should be greater than or equal to 0, got -1"),
            (
                RunOptions,
                {"recognizers": []},
                "option 'recognizers' of X: List should have at least 1 item after validation, not 0, got []",
            ),
        ],
    )
    def test_a_value_that_does_not_fit_is_named_with_what_was_expected(
        self, model: type[Options], values: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(OptionError) as error:
            model.validated(values, "X")
        assert str(error.value) == message

    def test_every_mistake_is_told_at_once(self) -> None:
        with pytest.raises(OptionError) as error:
            BlurOptions.validated({"sigma": 9, "radius": 3}, "method blur")
        assert str(error.value) == (
            "option 'sigma' of method blur: Input should be less than or equal to 0.3, got 9; "
            "unknown option 'radius' of method blur: expected one of frame_size, sigma"
        )

    def test_values_do_not_change_after_validation(self) -> None:
        options = BlurOptions.validated({"sigma": 0.1}, "method blur")
        with pytest.raises(ValidationError, match="frozen"):
            options.sigma = 0.2  # type: ignore[misc]
        assert options.sigma == 0.1

    def test_text_from_a_command_line_becomes_a_number(self) -> None:
        assert BlurOptions.validated({"sigma": "0.1", "frame_size": "512"}, "method blur").model_dump() == {
            "frame_size": 512,
            "sigma": 0.1,
        }


class TestComponents:
    @pytest.mark.parametrize(
        "given", ["classical", {"name": "classical"}, Choice(name="classical"), {"name": "classical", "radius": 0.06}]
    )
    def test_a_component_is_chosen_by_name_or_mapping_and_shows_all_its_options(self, given: Any) -> None:
        options = InpaintRandomOptions.validated({"inpainter": given}, "method inpaint-random")
        assert options.model_dump()["inpainter"] == {
            "name": "classical",
            "options": {"algorithm": "telea", "radius": 0.06},
        }

    def test_the_default_component_shows_all_its_options_too(self) -> None:
        default = InpaintRandomOptions().inpainter
        assert set(default.options) == set(INPAINTERS.spec(default.name).option_model().model_fields)

    def test_options_inside_the_mapping_belong_to_the_component(self) -> None:
        given = {"inpainter": {"name": "stable-diffusion", "steps": 3}}
        chosen = InpaintRandomOptions.validated(given, "method inpaint-random").inpainter
        assert chosen.name == "stable-diffusion"
        assert chosen.options["steps"] == 3
        assert chosen.options["guidance"] == 7.5

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            (
                {"name": "classical", "steps": 3},
                "unknown option 'steps' of inpainter classical: expected one of algorithm, radius",
            ),
            (
                {"name": "classical", "radius": 3},
                "option 'radius' of inpainter classical: Input should be less than or equal to 0.2, got 3",
            ),
            (
                {"radius": 0.1},
                "expected the inpainter's name, or a mapping with 'name' and its options, got {'radius': 0.1}",
            ),
            (7, "expected the inpainter's name, or a mapping with 'name' and its options, got 7"),
        ],
    )
    def test_a_choice_that_does_not_fit(self, given: Any, message: str) -> None:
        with pytest.raises(OptionError) as error:
            InpaintRandomOptions.validated({"inpainter": given}, "M")
        assert str(error.value) == f"option 'inpainter' of M: {message}"

    def test_an_unknown_component_lists_the_installed_ones(self) -> None:
        with pytest.raises(
            OptionError,
            match=(
                r"^option 'inpainter' of M: Unknown inpainter 'paint'\. "
                r"Installed: .*classical, .*stable-diffusion\.$"
            ),
        ):
            InpaintRandomOptions.validated({"inpainter": "paint"}, "M")

    def test_a_list_of_components(self) -> None:
        options = RunOptions.validated(
            {"recognizers": ["dlib-resnet", {"name": "facenet", "weights": "casia-webface"}]}, "the run"
        )
        assert options.recognizers == [
            Choice(name="dlib-resnet"),
            Choice(name="facenet", options={"alignment": "template", "weights": "casia-webface"}),
        ]

    def test_a_mistake_inside_a_list_names_its_place(self) -> None:
        with pytest.raises(OptionError) as error:
            RunOptions.validated({"recognizers": ["dlib-resnet", {"name": "facenet", "size": 3}]}, "the run")
        assert (
            str(error.value) == "option 'recognizers.1' of the run: unknown option 'size' of recognizer facenet: "
            "expected one of alignment, weights"
        )


class TestMerge:
    @pytest.mark.parametrize(
        ("layers", "result"),
        [
            ([{"a": 1, "b": 2}, {"b": 3}], {"a": 1, "b": 3}),
            ([{"p": "telea"}, {"p": {"steps": 3}}], {"p": {"name": "telea", "steps": 3}}),
            (
                [{"p": {"name": "telea", "radius": 1}}, {"p": {"steps": 3}}],
                {"p": {"name": "telea", "radius": 1, "steps": 3}},
            ),
            (
                [{"p": Choice(name="telea", options={"radius": 1})}, {"p": {"steps": 3}}],
                {"p": {"name": "telea", "radius": 1, "steps": 3}},
            ),
            # A component chosen anew does not inherit the options of the one before.
            (
                [{"p": {"name": "telea", "radius": 1}}, {"p": {"name": "other", "steps": 3}}],
                {"p": {"name": "other", "steps": 3}},
            ),
            ([{"p": {"name": "telea", "radius": 1}}, {"p": "other"}], {"p": "other"}),
            ([{}, {"p": {"steps": 3}}], {"p": {"steps": 3}}),
            # What is no component is replaced; validation will complain.
            ([{"a": 256}, {"a": {"x": 1}}], {"a": {"x": 1}}),
            ([{"a": ["x"]}, {"a": {"x": 1}}], {"a": {"x": 1}}),
        ],
    )
    def test_later_layers_win(self, layers: list[dict[str, Any]], result: dict[str, Any]) -> None:
        assert merge(*layers) == result

    def test_layers_are_left_as_they_were(self) -> None:
        first, second = {"p": {"name": "telea"}}, {"p": {"steps": 3}}
        merge(first, second)
        assert (first, second) == ({"p": {"name": "telea"}}, {"p": {"steps": 3}})

    @pytest.mark.parametrize("chooses", ["p", "p.name"])
    def test_a_component_and_its_options_may_come_in_any_order(self, chooses: str) -> None:
        expected = {"p": {"name": "telea", "radius": 1}, "a": 2}
        assert nested({chooses: "telea", "p.radius": 1, "a": 2}) == expected
        assert nested({"p.radius": 1, "a": 2, chooses: "telea"}) == expected


class TestLayers:
    """Each layer is put on top in turn; it must win over all that lie below it, and leave the rest alone."""

    def test_a_plain_option(self, tmp_path: Path) -> None:
        config = config_file(tmp_path, "methods: {inpaint-random: {frame_size: 384}}")
        kept = {"method": "inpaint-random"}
        assert InpaintRandomOptions().frame_size == 256
        assert make_plan(**kept, profile="full").options.frame_size == 512
        assert make_plan(**kept, profile="full", config=config).options.frame_size == 384
        assert (
            make_plan(**kept, profile="full", config=config, assignments={"frame_size": 448}).options.frame_size == 448
        )
        top = make_plan(
            **kept, profile="full", config=config, assignments={"frame_size": 448}, options={"frame_size": 320}
        )
        assert top.options.frame_size == 320
        assert top.options.area == "center"

    def test_a_run_option(self, tmp_path: Path) -> None:
        config = config_file(tmp_path, "run: {seed: 1, recognizers: [{name: facenet, weights: casia-webface}]}")

        def judges(**layers: Any) -> list[str]:
            return [choice.name for choice in make_plan("blur", **layers).run.recognizers]

        assert [choice.name for choice in RunOptions().recognizers] == ["dlib-resnet"]
        assert judges(profile="full") == ["facenet", "dlib-resnet"]
        assert judges(profile="full", config=config) == ["facenet"]
        assert judges(profile="full", config=config, assignments={"recognizers": ["dlib-resnet"]}) == ["dlib-resnet"]
        assert judges(
            profile="full",
            config=config,
            assignments={"recognizers": ["dlib-resnet"]},
            run={"recognizers": ["facenet"]},
        ) == ["facenet"]
        assert make_plan("blur", config=config).run.seed == 1
        assert make_plan("blur", config=config, assignments={"seed": 2}).run.seed == 2
        assert make_plan("blur", config=config, assignments={"seed": 2}, run={"seed": 3}).run.seed == 3

    def test_an_option_inside_a_component(self, tmp_path: Path) -> None:
        config = config_file(
            tmp_path, "methods: {inpaint-random: {inpainter: {steps: 10, guidance: 3, prompt: a face}}}"
        )

        def inpainter(**layers: Any) -> tuple[str, int, float, str]:
            chosen = make_plan("inpaint-random", profile="full", **layers).options.inpainter
            return chosen.name, chosen.options["steps"], chosen.options["guidance"], chosen.options["prompt"]

        assignments = {"inpainter.steps": 20, "inpainter.guidance": 4}
        assert inpainter() == ("stable-diffusion", 50, 7.5, "")
        assert inpainter(config=config) == ("stable-diffusion", 10, 3.0, "a face")
        assert inpainter(config=config, assignments=assignments) == ("stable-diffusion", 20, 4.0, "a face")
        assert inpainter(config=config, assignments=assignments, options={"inpainter": {"steps": 30}}) == (
            "stable-diffusion",
            30,
            4.0,
            "a face",
        )

    def test_options_without_a_component_belong_to_the_default_one(self) -> None:
        default = make_plan("inpaint-random").options.inpainter
        value = default.options["pool"] / 2
        plan = make_plan("inpaint-random", assignments={"inpainter.pool": value})
        assert plan.options.inpainter == Choice(name=default.name, options=default.options | {"pool": value})

    def test_the_config_file_may_name_the_method(self, tmp_path: Path) -> None:
        config = config_file(tmp_path, "method: blur\nmethods: {blur: {sigma: 0.1}, fill: {color: black}}")
        assert make_plan(None, config=config).options == BlurOptions(sigma=0.1)
        assert make_plan("fill", config=config).options == FillOptions(color="black")

    def test_a_config_file_for_a_plugin_that_is_not_here_may_be_shared(self, tmp_path: Path, elsewhere: Path) -> None:
        put_checkout(
            elsewhere, "privacy-faces-toy", '[project.entry-points."privacy_faces.methods"]\ntoy = "toy:TOY"\n'
        )
        assert make_plan("blur", config=config_file(tmp_path, "methods: {toy: {}}")).options == BlurOptions()

    def test_an_empty_config_file_changes_nothing(self, tmp_path: Path) -> None:
        assert make_plan("blur", config=config_file(tmp_path, "# nothing yet\n")) == make_plan("blur")

    @pytest.mark.parametrize(
        ("profile", "method"),
        [
            (profile, method)
            for profile in PROFILES
            for method in load_profile(profile).methods
            if method in METHODS.entries()
        ],
    )
    def test_shipped_profiles_validate(self, profile: str, method: str) -> None:
        plan = make_plan(method, profile=profile)
        values = {name: value.name if isinstance(value, Choice) else value for name, value in plan.options}
        written = load_profile(profile).methods[method]
        assert plan.profile == profile
        assert written
        assert {name: values[name] for name in written} == {
            name: value["name"] if isinstance(value, dict) else value for name, value in written.items()
        }

    def test_shipped_profiles_name_no_unknown_method(self) -> None:
        named = {method for profile in PROFILES for method in load_profile(profile).methods}
        assert named
        assert named <= set(METHODS.entries())


class TestMessages:
    def test_no_method(self) -> None:
        with pytest.raises(NoMethodError) as error:
            make_plan(None)
        assert str(error.value) == f"No method given. Add --method NAME; installed: {', '.join(INSTALLED)}."

    def test_unknown_method(self) -> None:
        with pytest.raises(UnknownNameError) as error:
            make_plan("blurr")
        assert str(error.value) == f"Unknown method 'blurr'. Installed: {', '.join(INSTALLED)}."

    def test_unknown_profile(self) -> None:
        with pytest.raises(OptionError) as error:
            make_plan("blur", profile="fast")
        assert (
            str(error.value)
            == "Unknown profile 'fast': expected one of embedded, full. Your own settings go into --config FILE."
        )

    def test_unknown_assignment_lists_the_options_of_method_and_run(self) -> None:
        with pytest.raises(OptionError) as error:
            make_plan("blur", assignments={"sigmaa": 1})
        assert str(error.value) == (
            "Unknown option 'sigmaa' of method blur: expected one of frame_size, sigma, "
            "recognizers, optional_recognizers, far, keep, only, faces, thresholds, detector, min_face, device, seed, "
            "keep_metadata, "
            "allow_no_face, save_masks, receipts, max_memory, layout."
        )

    @pytest.mark.parametrize(
        ("layers", "message"),
        [
            (
                {"assignments": {"sigma": 3}},
                "option 'sigma' of method blur: Input should be less than or equal to 0.3, got 3",
            ),
            (
                {"assignments": {"sigma.x": 3}},
                "option 'sigma' of method blur: Input should be a valid number, got {'x': 3}",
            ),
            ({"options": {"cells": 3}}, "unknown option 'cells' of method blur: expected one of frame_size, sigma"),
            ({"run": {"far": 2}}, "option 'far' of the run: Input should be less than 1, got 2"),
            (
                {"assignments": {"recognizers.weights": "x"}},
                "option 'recognizers' of the run: Input should be a valid list, got {'weights': 'x'}",
            ),
        ],
    )
    def test_values_that_do_not_fit(self, layers: dict[str, Any], message: str) -> None:
        with pytest.raises(OptionError) as error:
            make_plan("blur", **layers)
        assert str(error.value) == message

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("method: [", "The config file {path} is not YAML: while parsing a flow node"),
            ("- blur", "The config file {path} must hold a mapping with method, run, methods, finetune. Got: list."),
            (
                "methodz: blur",
                "unknown option 'methodz' of the config file mine.yaml: expected one of method, run, methods, finetune",
            ),
            (
                "methods: {blur: 3}",
                "option 'methods.blur' of the config file mine.yaml: Input should be a valid dictionary, got 3",
            ),
            (
                "methods: {blur: {sigmaa: 1}}",
                "unknown option 'sigmaa' of method blur: expected one of frame_size, sigma",
            ),
            (
                "run: {sead: 1}",
                "unknown option 'sead' of the run: expected one of recognizers, optional_recognizers, far, keep, only, "
                "faces, thresholds, "
                "detector, min_face, device, seed, keep_metadata, allow_no_face, save_masks, receipts, max_memory, "
                "layout",
            ),
            # Also of a method that does not run today.
            (
                "methods: {fill: {hue: black}}",
                "unknown option 'hue' of method fill: expected one of frame_size, color",
            ),
        ],
    )
    def test_config_files_that_do_not_fit(self, tmp_path: Path, text: str, message: str) -> None:
        path = config_file(tmp_path, text)
        with pytest.raises(OptionError) as error:
            make_plan("blur", config=path)
        assert str(error.value) == message.format(path=path)

    def test_a_method_in_a_config_file_that_nobody_provides(self, tmp_path: Path) -> None:
        with pytest.raises(UnknownNameError) as error:
            make_plan("blur", config=config_file(tmp_path, "methods: {blurr: {}}"))
        assert str(error.value) == f"Unknown method 'blurr'. Installed: {', '.join(INSTALLED)}."

    def test_a_config_file_that_is_missing(self, tmp_path: Path) -> None:
        path = tmp_path / "no.yaml"
        with pytest.raises(OptionError) as error:
            load_config(path)
        assert str(error.value) == f"Cannot read the config file {path}: [Errno 2] No such file or directory: '{path}'"

    def test_a_config_file_that_is_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "photo.yaml"
        path.write_bytes(b"\xff\xd8\xff\xe0")
        with pytest.raises(OptionError) as error:
            load_config(path)
        assert (
            str(error.value) == f"Cannot read the config file {path}: "
            "'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"
        )


class TestFingerprint:
    """What was done with one fingerprint is not done again, so all that decides the result must be in it, and nothing
    else."""

    LAYERS: ClassVar = {"method": "inpaint-random", "assignments": {"inpainter": "classical"}}

    @pytest.mark.parametrize(
        "change",
        [
            {"method": "inpaint-gradcam"},
            {"options": {"fraction": 0.3}},
            {"options": {"inpainter": {"radius": 0.07}}},
            {"options": {"inpainter": "stable-diffusion"}},
            {"run": {"seed": 1}},
            {"run": {"far": 0.01}},
            {"run": {"keep_metadata": True}},
            {"run": {"recognizers": ["facenet"]}},
        ],
    )
    def test_changes_with_what_decides_the_result(self, change: dict[str, Any]) -> None:
        assert make_plan(**(self.LAYERS | change)).fingerprint() != make_plan(**self.LAYERS).fingerprint()

    @pytest.mark.parametrize(
        "change",
        [
            {},
            {"run": {"device": "cpu"}},
            {"options": {"fraction": "auto"}},
            {"options": {"inpainter": {"radius": 0.06}}},
        ],
    )
    def test_stays_with_the_device_and_with_defaults_spelled_out(self, change: dict[str, Any]) -> None:
        assert make_plan(**(self.LAYERS | change)).fingerprint() == make_plan(**self.LAYERS).fingerprint()


def help_of(*args: str) -> str:
    """The help text, each option on one line."""
    result = CliRunner().invoke(main, ["anonymize", *args, "--help"], terminal_width=1000, max_content_width=1000)
    assert result.exit_code == 0, result.output
    return result.stdout


def section(text: str, title: str) -> dict[str, str]:
    """Flag -> the rest of its line, for one section of a help text."""
    lines = text.split(f"{title}:\n", 1)[1].split("\n\n", 1)[0].replace("\n    ", " ").splitlines()  # one line per flag
    return {line.split()[0]: line for line in lines}


def default_shown(value: Any, flag: str) -> str:
    if isinstance(value, bool):
        return f"[default: {flag if value else f'no-{flag}'}]"
    if value in (None, "", []):
        return ""
    names = [
        item.name if isinstance(item, Choice) else str(item) for item in (value if isinstance(value, list) else [value])
    ]
    return f"[default: {','.join(names)}]"


class TestFlags:
    @pytest.mark.parametrize("method", INSTALLED)
    def test_every_option_of_a_method_has_a_flag_that_shows_its_default(self, method: str) -> None:
        model = METHODS.spec(method).option_model()
        shown = section(help_of("--method", method), f"Options of {method}")
        assert model.model_fields
        defaults = make_plan(method).options
        for name, field in model.model_fields.items():
            flag = name.replace("_", "-")
            assert field.description
            assert field.description in shown[f"--{flag}"]
            assert shown[f"--{flag}"].endswith(default_shown(getattr(defaults, name), flag))

    def test_every_option_of_the_run_has_a_flag_that_shows_its_default(self) -> None:
        shown = section(help_of(), "Options")
        for name, field in RunOptions.model_fields.items():
            flag = name.replace("_", "-")
            assert shown[f"--{flag}"].endswith(default_shown(field.default, flag))

    def test_a_method_shows_its_own_options_apart_from_those_of_the_run(self) -> None:
        text = help_of("--method", "blur")
        assert list(section(text, "Options of blur")) == ["--frame-size", "--sigma"]
        assert "--sigma" not in section(text, "Options")
        assert "--cells" not in text
        assert "Options of" not in help_of()

    def test_the_chosen_component_brings_its_flags(self) -> None:
        classical = [f"--inpainter-{name}" for name in ClassicalOptions.model_fields]
        shown = section(help_of("--method", "inpaint-random", "--inpainter", "classical"), "Options of inpaint-random")
        assert set(classical) <= set(shown)
        assert "--inpainter-prompt" not in shown
        assert shown["--inpainter-radius"].endswith(
            "classical: neighborhood that telea and navier-stokes read, as a share of the frame's side  [default: 0.06]"
        )

    @pytest.mark.parametrize(
        "chosen",
        [
            ["--inpainter", "stable-diffusion"],
            ["--inpainter=stable-diffusion"],
            ["--set", "inpainter=stable-diffusion"],
            ["--set=inpainter.name=stable-diffusion"],
            ["--profile", "full"],
            ["--inpainter", "classical", "--inpainter", "stable-diffusion"],
        ],
    )
    def test_wherever_the_component_is_chosen(self, chosen: list[str]) -> None:
        shown = section(help_of("--method", "inpaint-random", *chosen), "Options of inpaint-random")
        assert "[default: stable-diffusion]" in shown["--inpainter"]
        assert shown["--inpainter-steps"].endswith("stable-diffusion: denoising steps  [default: 50]")
        assert "--inpainter-algorithm" not in shown

    def test_help_shows_what_profile_and_config_file_will_give(self, tmp_path: Path) -> None:
        config = config_file(
            tmp_path, "method: inpaint-random\nrun: {far: 0.01}\nmethods: {inpaint-random: {inpainter: {steps: 7}}}"
        )
        text = help_of("--profile", "full", "--config", str(config))
        shown = section(text, "Options of inpaint-random")
        assert shown["--frame-size"].endswith("[default: 512]")
        assert shown["--inpainter-steps"].endswith("[default: 7]")
        assert section(text, "Options")["--recognizers"].endswith("[default: facenet,dlib-resnet]")
        assert section(text, "Options")["--far"].endswith("[default: 0.01]")

    def test_only_what_was_typed_becomes_a_value(self) -> None:
        args = ["--method", "inpaint-random", "--seed", "4", "--save-masks", "--recognizers", "dlib-resnet, facenet"]
        params = command.make_context(
            "anonymize", [*args, "--set", "inpainter=classical", "--inpainter-radius", "0.1"]
        ).params
        assert values_of(RunOptions, params) == {
            "seed": 4,
            "save_masks": True,
            "recognizers": ["dlib-resnet", "facenet"],
        }
        assert values_of(InpaintRandomOptions, params) == {"inpainter": {"radius": 0.1}}

    def test_a_flag_of_another_component_says_what_to_choose(self) -> None:
        for chosen, flag, home in (
            ("classical", "--inpainter-prompt", "stable-diffusion"),
            ("stable-diffusion", "--inpainter-algorithm", "classical"),
        ):
            with pytest.raises(UsageError) as error:
                command.make_context("anonymize", ["--method", "inpaint-random", "--inpainter", chosen, flag, "x"])
            assert error.value.message == f"{flag} goes with --inpainter {home}."

    def test_a_component_may_be_typed_before_or_after_its_options(self) -> None:
        flags = [["--inpainter", "stable-diffusion"], ["--inpainter-steps", "3"]]
        for first, second in (flags, flags[::-1]):
            params = command.make_context("anonymize", ["--method", "inpaint-random", *first, *second]).params
            assert values_of(InpaintRandomOptions, params) == {"inpainter": {"name": "stable-diffusion", "steps": 3}}
