"""All that a plugin may import from the core. A name is imported from its module when it is first asked for, so that a
plugin's `specs.py` and `options.py` stay as light as what they take.

A plugin is a distribution of its own, by convention privacy-faces-NAME. It enters by these doors, each a group of entry
points in its pyproject.toml:

- `privacy_faces.methods`: name -> `Spec` of a `Method` (`options`: a subclass of `MethodOptions`).
- `privacy_faces.recognizers`, `privacy_faces.inpainters`, `privacy_faces.verifiers`: name -> `Spec` of a `Recognizer`,
  an `Inpainter`, or a `Verifier` (a service that compares two photos).
- `privacy_faces.commands`: words joined by dots -> `CommandSpec`, such as "references", "models.train.my-model",
  "datasets.prepare.my-photos" or "finetune.my-model"; a fine-tuning command is made by `finetune_command`.
- `privacy_faces.weights`: any name -> the package that holds `weights.json` (see `privacy_faces.weights.manifest`) and
  the folder `assets/` of what ships with it. They are read as `verified(ID)`.

What the entry points name must be light to import: no torch. What a factory or a command imports need not be.
`privacy_faces.testing` holds the contracts as test classes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from privacy_faces.cli.finetune import finetune_command
    from privacy_faces.cli.preparing import json_option, output_option, prepare_links, root_option
    from privacy_faces.cli.progress import bar
    from privacy_faces.cli.table import table
    from privacy_faces.cli.training import data_option, read_portraits, recipe_options
    from privacy_faces.config.components import chosen_from
    from privacy_faces.config.files import resource, sha256_of
    from privacy_faces.config.options import Choice, OptionError, Options
    from privacy_faces.config.plan import make_plan, weights_of
    from privacy_faces.config.registry import (
        INPAINTERS,
        METHODS,
        RECOGNIZERS,
        VERIFIERS,
        CommandSpec,
        PluginError,
        Spec,
        UnknownNameError,
    )
    from privacy_faces.datasets.base import DataSet, lines_of, photos_of
    from privacy_faces.datasets.base import find as find_in_data_set
    from privacy_faces.datasets.base import some as first_few
    from privacy_faces.datasets.celeba import read_identities as read_celeba_identities
    from privacy_faces.datasets.folder import DatasetError, LabeledPhoto, photos_below
    from privacy_faces.evaluation.verifiers import (
        BusyError,
        Comparison,
        MalformedAnswerError,
        MissingKeyError,
        ServiceError,
        UnreachableError,
        UploadNotAllowedError,
        Verifier,
        VerifierError,
        check_permission,
    )
    from privacy_faces.judge.thresholds import above_threshold, load_thresholds
    from privacy_faces.methods.context import Context
    from privacy_faces.methods.contract import FrameBatch, Method, Protection, Target
    from privacy_faces.methods.identity_losses import dodging_loss, impersonation_loss
    from privacy_faces.methods.inpainting.inpainters.contract import Inpainter
    from privacy_faces.methods.options import MethodOptions
    from privacy_faces.methods.strength import Strength
    from privacy_faces.methods.targets import read_target
    from privacy_faces.models.face_diffusion import FaceDiffusion
    from privacy_faces.models.face_diffusion import load as load_face_diffusion
    from privacy_faces.models.face_prior import FaceModel
    from privacy_faces.models.face_prior import load as load_face_prior
    from privacy_faces.models.lpips import LPIPS_WEIGHTS, load_lpips
    from privacy_faces.models.pretrained import whole_network
    from privacy_faces.models.schedule import Schedule, generate, invert
    from privacy_faces.photos.batch import frame_tensors, to_pixels
    from privacy_faces.photos.blur import gaussian_blur
    from privacy_faces.photos.detection.finder import FaceFinder, make_finder
    from privacy_faces.photos.faces import Face, NoFaceError
    from privacy_faces.photos.formats.read import read_photo
    from privacy_faces.photos.frames import to_unit
    from privacy_faces.photos.luma import luma
    from privacy_faces.photos.photo import Photo, PhotoError
    from privacy_faces.photos.regions import region_masks
    from privacy_faces.photos.warp import warp
    from privacy_faces.pipeline.sharing.launched import leads
    from privacy_faces.pipeline.sharing.launched import state as launched_state
    from privacy_faces.recognizers.alignment import ARCFACE, Template, WholeImage
    from privacy_faces.recognizers.contract import Recognizer
    from privacy_faces.recognizers.ensemble import Ensemble
    from privacy_faces.training.portraits import Portraits, load_portraits
    from privacy_faces.training.trainer import Recipe, Turn, train
    from privacy_faces.weights.compare import WrongTensorsError, first_of
    from privacy_faces.weights.compare import compare as compare_tensors
    from privacy_faces.weights.manifest import manifest
    from privacy_faces.weights.places import Place, is_place, place_of, require
    from privacy_faces.weights.places import command as weights_command
    from privacy_faces.weights.published import Published
    from privacy_faces.weights.state_dict import read_state_dict
    from privacy_faces.weights.store import CorruptWeightError, MissingWeightError, is_present, records, verified

# Module -> its names, the same as above, for whoever runs the code; NEW=NAME where the module calls it NAME.
_NAMES = {
    # Options and cards (light: none of these imports torch).
    "config.options": "Options Choice OptionError",
    "config.components": "chosen_from",
    "config.registry": "Spec CommandSpec METHODS RECOGNIZERS INPAINTERS VERIFIERS PluginError UnknownNameError",
    "config.plan": "make_plan weights_of",
    "methods.options": "MethodOptions",
    "methods.strength": "Strength",
    # Methods.
    "methods.contract": "Method FrameBatch Protection Target",
    "methods.context": "Context",
    "methods.targets": "read_target",
    "methods.identity_losses": "dodging_loss impersonation_loss",
    "judge.thresholds": "above_threshold load_thresholds",
    # Recognizers.
    "recognizers.alignment": "ARCFACE Template WholeImage",
    "recognizers.contract": "Recognizer",
    "recognizers.ensemble": "Ensemble",
    # Inpainters.
    "methods.inpainting.inpainters.contract": "Inpainter",
    # Verification services.
    "evaluation.verifiers": "Verifier Comparison VerifierError UploadNotAllowedError MissingKeyError "
    "UnreachableError BusyError MalformedAnswerError ServiceError check_permission",
    # Weights.
    "config.files": "resource sha256_of",
    "weights.manifest": "manifest",
    "weights.state_dict": "read_state_dict",
    "weights.store": "verified records is_present MissingWeightError CorruptWeightError",
    "weights.places": "Place place_of is_place require weights_command=command",
    "weights.compare": "WrongTensorsError compare_tensors=compare first_of",
    "weights.published": "Published",
    # Networks of the core.
    "models.pretrained": "whole_network",
    "models.schedule": "Schedule generate invert",
    "models.face_prior": "FaceModel load_face_prior=load",
    "models.face_diffusion": "FaceDiffusion load_face_diffusion=load",
    "models.lpips": "LPIPS_WEIGHTS load_lpips",
    # Photos and faces.
    "photos.photo": "Photo PhotoError",
    "photos.formats.read": "read_photo",
    "photos.faces": "Face NoFaceError",
    "photos.detection.finder": "FaceFinder make_finder",
    "photos.batch": "frame_tensors to_pixels",
    "photos.frames": "to_unit",
    "photos.luma": "luma",
    "photos.regions": "region_masks",
    "photos.blur": "gaussian_blur",
    "photos.warp": "warp",
    # Data sets.
    "datasets.folder": "DatasetError LabeledPhoto photos_below",
    "datasets.base": "DataSet find_in_data_set=find photos_of lines_of first_few=some",
    "datasets.celeba": "read_celeba_identities=read_identities",
    # Training.
    "training.trainer": "Recipe Turn train",
    "training.portraits": "Portraits load_portraits",
    "pipeline.sharing.launched": "leads launched_state=state",
    # Commands.
    "cli.finetune": "finetune_command",
    "cli.training": "data_option recipe_options read_portraits",
    "cli.preparing": "root_option output_option json_option prepare_links",
    "cli.progress": "bar",
    "cli.table": "table",
}

__all__ = [
    "ARCFACE",
    "INPAINTERS",
    "LPIPS_WEIGHTS",
    "METHODS",
    "RECOGNIZERS",
    "VERIFIERS",
    "BusyError",
    "Choice",
    "CommandSpec",
    "Comparison",
    "Context",
    "CorruptWeightError",
    "DataSet",
    "DatasetError",
    "Ensemble",
    "Face",
    "FaceDiffusion",
    "FaceFinder",
    "FaceModel",
    "FrameBatch",
    "Inpainter",
    "LabeledPhoto",
    "MalformedAnswerError",
    "Method",
    "MethodOptions",
    "MissingKeyError",
    "MissingWeightError",
    "NoFaceError",
    "OptionError",
    "Options",
    "Photo",
    "PhotoError",
    "Place",
    "PluginError",
    "Portraits",
    "Protection",
    "Published",
    "Recipe",
    "Recognizer",
    "Schedule",
    "ServiceError",
    "Spec",
    "Strength",
    "Target",
    "Template",
    "Turn",
    "UnknownNameError",
    "UnreachableError",
    "UploadNotAllowedError",
    "Verifier",
    "VerifierError",
    "WholeImage",
    "WrongTensorsError",
    "above_threshold",
    "bar",
    "check_permission",
    "chosen_from",
    "compare_tensors",
    "data_option",
    "dodging_loss",
    "find_in_data_set",
    "finetune_command",
    "first_few",
    "first_of",
    "frame_tensors",
    "gaussian_blur",
    "generate",
    "impersonation_loss",
    "invert",
    "is_place",
    "is_present",
    "json_option",
    "launched_state",
    "leads",
    "lines_of",
    "load_face_diffusion",
    "load_face_prior",
    "load_lpips",
    "load_portraits",
    "load_thresholds",
    "luma",
    "make_finder",
    "make_plan",
    "manifest",
    "output_option",
    "photos_below",
    "photos_of",
    "place_of",
    "prepare_links",
    "read_celeba_identities",
    "read_photo",
    "read_portraits",
    "read_state_dict",
    "read_target",
    "recipe_options",
    "records",
    "region_masks",
    "require",
    "resource",
    "root_option",
    "sha256_of",
    "table",
    "to_pixels",
    "to_unit",
    "train",
    "verified",
    "warp",
    "weights_command",
    "weights_of",
    "whole_network",
]


def __getattr__(name: str) -> Any:
    for module, listed in _NAMES.items():
        for item in listed.split():
            public, _, original = item.partition("=")
            if public == name:
                value = globals()[name] = getattr(import_module(f"privacy_faces.{module}"), original or public)
                return value
    raise AttributeError(f"module 'privacy_faces.plugin' has no attribute {name!r}; it has {', '.join(__all__)}.")
