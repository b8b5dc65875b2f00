"""Weights from the hub into the hub's own cache, and what is there already."""

from pathlib import Path

from huggingface_hub import snapshot_download, try_to_load_from_cache
from huggingface_hub.errors import (  # type: ignore[attr-defined]  # HTTPError
    GatedRepoError,
    HFValidationError,
    HTTPError,
    IncompleteSnapshotError,
    LocalEntryNotFoundError,
    RepositoryNotFoundError,
)

from pointsam.errors import InputError
from pointsam.models.loading.downloads import check_download

WANTED = ("config.json", "model.safetensors", "model.safetensors.index.json", "model-*.safetensors")
"""The files of a repository that a model is made of."""


def fetch_model(repo: str, *, named: bool = False) -> Path:
    """Give the folder of a repository's weights, downloaded where they are not cached yet.

    A connection that breaks is taken up again where it stopped; a download that fails for good
    leaves nothing behind. ``HF_HUB_OFFLINE=1`` reads the cache alone, ``HF_HOME`` moves it.

    Args:
        repo: ``owner/name``, or ``owner/name@revision`` for one state of it, a commit's hash.
        named: by the user, whose token the hub may see; known models need none.

    Raises:
        InputError: it cannot be had, and the message says how to fetch it by hand; or it is not
            what was downloaded first.
    """
    name, _, revision = repo.partition("@")
    token = None if named else False
    try:
        folder = Path(
            snapshot_download(
                name, revision=revision or None, allow_patterns=list(WANTED), token=token
            )
        )
    except GatedRepoError as error:
        reason = "its owner asks for a registration: accept it there, then 'hf auth login'"
        raise InputError(_by_hand(repo, reason)) from error
    except (RepositoryNotFoundError, HFValidationError) as error:
        raise InputError(_by_hand(repo, "the hub knows no such model")) from error
    except (LocalEntryNotFoundError, IncompleteSnapshotError) as error:
        reason = "the hub cannot be reached and the cache does not hold it"
        raise InputError(_by_hand(repo, reason)) from error
    except (HTTPError, OSError) as error:  # a lost connection, a server's fault, a full disk
        raise InputError(_by_hand(repo, str(error).splitlines()[0])) from error
    check_download(folder, repo)
    return folder


def cached_weights(repo: str) -> Path | None:
    """Give the cached weights of a repository, None where there are none."""
    found = try_to_load_from_cache(repo, "model.safetensors")
    return Path(found) if isinstance(found, str) else None


def _by_hand(repo: str, reason: str) -> str:
    """Say why a model is not there and how to get it without this program."""
    name, _, revision = repo.partition("@")
    at = f" --revision {revision}" if revision else ""
    return (
        f"cannot get {repo}: {reason}. By hand, on a machine with a network: "
        f"'hf download {name}{at} --local-dir FOLDER', then give --model FOLDER."
    )
