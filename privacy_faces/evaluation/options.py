"""The options of the verbs that judge: the keyword arguments of the functions in `verbs`, and the flags made of them.

Light: no torch.
"""

from __future__ import annotations

from copy import copy
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, DirectoryPath, Field

from privacy_faces.config.options import Names, NoneMeans, OptionError, Options, Switch
from privacy_faces.config.profiles import PROFILES, Profile
from privacy_faces.config.run import RunOptions

#: Photos of the sample set, two of each face, that every method finishes within a quarter of an hour on two cores.
SAMPLES = 24


def _folder(path: Path) -> Path:
    if path.exists() and not path.is_dir():
        raise OptionError(f"expected a folder to write into, found the file {path}")
    return path


_Folder = Annotated[Path, AfterValidator(_folder)]


def _of_run(name: str) -> Any:
    """The field of an option that anonymize has too: one default, one description, one range."""
    return copy(RunOptions.model_fields[name])


class SeeingOptions(Options):
    """How faces are found, and where the networks run."""

    detector: Literal["auto", "mtcnn", "dlib"] = _of_run("detector")
    min_face: int = _of_run("min_face")
    device: Literal["auto", "cpu", "cuda"] = _of_run("device")


class JudgeOptions(SeeingOptions):
    """Who judges, and what is measured."""

    recognizers: Names = Field(
        ["all"], min_length=1, description="recognizers that judge; all: those whose weights are here"
    )
    far: float = _of_run("far")
    thresholds: Annotated[Path | None, NoneMeans("the shipped one")] = _of_run("thresholds")
    people: Annotated[Literal["left-out", "all"] | None, NoneMeans("left-out where the photos are known")] = Field(
        None, description="left-out: only people whom no shipped model was trained on"
    )
    robustness: bool = Field(True, description="measure again after JPEG, resizing and the like")
    attackers: bool = Field(True, description="measure against adaptive attackers")
    trained_attackers: Annotated[bool, Switch()] = Field(
        False, description="attackers who train networks on photos protected in the same way, too: minutes a method"
    )
    gallery: DirectoryPath | None = Field(
        None, description="folder of other people's photos, one sub-folder each, whom searches look through too"
    )
    services: Names = Field(
        [], description="verification services to ask too, such as faceplusplus; needs --allow-upload"
    )
    allow_upload: Annotated[bool, Switch()] = Field(
        False, description="let the services receive the photos: of yourself, or of people who agreed"
    )


class BenchmarkOptions(JudgeOptions):
    """Options of `benchmark`."""

    methods: Annotated[Names | None, NoneMeans("all that are installed")] = Field(
        None, description="methods to compare"
    )
    data: Annotated[Path | None, NoneMeans("the synthetic faces that ship")] = Field(
        None, description="folder of photos, one sub-folder per person"
    )
    limit: Annotated[int | None, NoneMeans(f"all of --data, {SAMPLES} of the synthetic ones")] = Field(
        None, ge=0, description="only the first N photos; 0 means all"
    )
    held_out: str | None = Field(
        None, description="recognizer that methods may not use as a surrogate; rotate: each in turn"
    )
    profile: Profile = Field(PROFILES[0], description="the methods' settings")
    config: Path | None = Field(None, description="YAML file with options of methods and of the run")
    seed: int = _of_run("seed")
    seeds: int = Field(
        1, ge=1, description="how many seeds each method runs with, of which the others' rows come after and a spread"
    )
    workers: Annotated[int | None, NoneMeans("2 on a CPU with 2 cores or more, otherwise 1")] = Field(
        None, ge=1, description="methods that run at a time"
    )
    output: Annotated[_Folder | None, NoneMeans("nothing is written")] = Field(
        None, description="output folder; an earlier run in it is continued"
    )
    overwrite: Annotated[bool, Switch()] = Field(
        False, description="protect the photos again that an earlier run has done"
    )


class EvaluateOptions(JudgeOptions):
    """Options of `evaluate`."""

    originals: DirectoryPath = Field(description="folder of the photos before protection")
    protected: DirectoryPath = Field(description="folder of the protected photos")
    pairs: Annotated[Path | None, NoneMeans("the same path below both folders")] = Field(
        None, description="CSV file with the columns original, protected; person, target and groups if wanted"
    )
    targets: DirectoryPath | None = Field(
        None, description="folder with a test image of each target, NAME.jpg or the like"
    )
    surrogates: Annotated[Names | None, NoneMeans("what receipts beside them say")] = Field(
        None, description="recognizers that helped to protect the photos"
    )
    classifier: Path | None = Field(
        None, description="closed-set classifier (safetensors) whose fooling rate is asked for"
    )
    output: Annotated[_Folder | None, NoneMeans("nothing is written")] = Field(None, description="output folder")


class DiffamOptions(Options):
    """Options of DiffAM's protocol."""

    originals: DirectoryPath = Field(description="folder of the photos before protection")
    protected: DirectoryPath = Field(description="folder with a folder of protected photos for each target")
    targets: DirectoryPath = Field(description="folder with the scored image of each target")
    surrogates: Names = Field(description="recognizers that helped to protect the photos")
    recognizers: Names = Field(["all"], min_length=1, description="recognizers that judge; all: the paper's four")
    thresholds: Annotated[Path | None, NoneMeans("the shipped one")] = _of_run("thresholds")
    device: Literal["auto", "cpu", "cuda"] = _of_run("device")
    output: Annotated[_Folder | None, NoneMeans("nothing is written")] = Field(None, description="output folder")


class CalibrateOptions(SeeingOptions):
    """Options of `calibrate`."""

    data: Path = Field(description="folder with one sub-folder of photos per person")
    name: Annotated[str | None, NoneMeans("the folder's name")] = Field(
        None, description="what the data set is called in the file"
    )
    recognizers: Names = Field(["dlib-resnet"], min_length=1, description="recognizers to calibrate")
    limit: int = Field(0, ge=0, description="use only the first N photos; 0 means all")
    output: Annotated[Path | None, NoneMeans("nothing is written")] = Field(
        None, description="threshold file to write or extend"
    )


class ReportOptions(Options):
    """Options of `report`."""

    results: Path = Field(description="results.json of benchmark or evaluate")
    compare: Path | None = Field(
        None, description="an earlier results.json, whose shares are printed beside those of RESULTS"
    )
    output: Annotated[Path | None, NoneMeans("report.html beside the results")] = Field(
        None, description="file to write"
    )
