"""Snapshots from the model hub, with one-line errors."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.errors import UsageError


def download(repository: str, revision: str, files: Sequence[str], key: str) -> Path:
    """Fetch those `files` of a hub repository, or find them in the local cache.

    Args:
        repository: hub id, `owner/repository`.
        revision: branch, tag or commit.
        files: glob patterns of what is wanted.
        key: the setting that named the repository, for the error.

    Raises:
        UsageError: the hub can't be reached and the cache lacks it, or there is no such thing.
    """
    from huggingface_hub import errors, snapshot_download

    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(files)))
    except errors.RevisionNotFoundError as error:
        raise UsageError(f"{key}={repository}: no revision {revision!r} on the hub") from error
    except errors.GatedRepoError as error:
        raise UsageError(f"{key}={repository}: gated; run `hf auth login` first") from error
    except errors.RepositoryNotFoundError as error:
        raise UsageError(f"{key}={repository}: the hub has no such repository") from error
    except (errors.HFValidationError, ValueError) as error:
        raise UsageError(f"{key}={repository}: not a hub id such as owner/name") from error
    except (errors.LocalEntryNotFoundError, errors.OfflineModeIsEnabled, OSError) as error:
        raise UsageError(
            f"{key}={repository}: the hub can't be reached and it isn't in the local cache; "
            "go online once, or use model=folder and adapters=folder"
        ) from error
