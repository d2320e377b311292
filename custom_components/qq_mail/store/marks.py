"""Marks in the folder: that it is no backup's, and how far a backup goes."""

from pathlib import Path

from .disk import LOGGER, Disk, read_file, write_file


class Marks:
    """What blocks raises OSError where the disk does, if nothing else is said."""

    def __init__(self, disk: Disk, folder: Path) -> None:
        self._disk = disk
        self._folder = folder
        self._present = folder / "__pycache__" / "present"
        self._snapshot = folder / "snapshot"
        self.lacks_present = False
        """Whether the mark is to be made that this is no backup's."""
        self.is_stale = False
        """Whether the mark is to be removed, if it is there, how far a backup goes."""

    def is_present(self) -> bool:
        """Tell whether the folder was here all the time, and never raise.

        Home Assistant's backups leave out what is in a folder `__pycache__`, so that a
        folder that comes from one lacks the mark. An error of the disk does not say so.
        """
        try:
            return self._disk.exists(self._present)
        except OSError as err:
            LOGGER.error("Cannot look for %s: %s", self._present, err)
            return True

    def set_present(self) -> None:
        """Mark the folder as no backup's, or as one that a person has decided about."""
        self._disk.make_folder(self._present.parent)
        content = b"Without it, all here is from a backup.\n"
        write_file(self._disk, self._present, content)
        self._disk.sync_folder(self._folder)
        self.lacks_present = False

    def make_folder(self) -> None:
        """Make the folder, if it is not there, so that it survives a power cut."""
        if not self._disk.exists(self._folder):
            self.lacks_present = True
            self._disk.make_folder(self._folder)
            for parent in (self._folder.parent, self._folder.parent.parent):
                self._disk.sync_folder(parent)
        if self.lacks_present:
            self.set_present()

    def snapshot(self) -> int | None:
        """Return the last round of the backup that this comes from, and never raise."""
        try:
            return int(read_file(self._disk, self._snapshot))
        except OSError, ValueError:
            return None

    def set_snapshot(self, last: int) -> None:
        """Say up to which round a backup goes that is made now."""
        write_file(self._disk, self._snapshot, str(last).encode())

    def clear(self) -> None:
        """Remove that again."""
        self._disk.unlink(self._snapshot)
        self._disk.sync_folder(self._folder)
        self.is_stale = False
