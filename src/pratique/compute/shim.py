"""Watches one process on behalf of a server that may die: started detached, it outlives whoever started it.

    python -I -S shim.py <attempt folder>  < task

        start ──► lock ──► log, socket ──► child waits ──► running.json ──► child runs ──► exit.json
                   │            │
           LOCKED, SPENT      FAILED        (nothing has run: the folder can be started again)

One folder is one attempt. The shim holds a record lock on ``<folder>/lock``
for as long as it lives, so a second start finds it, and anybody may ask who
holds it without taking it. The child is released only after ``running.json``
names it, so what no file names has never run. The exit status is written by
rename into space that was reserved before the child lived: a full disk does
not lose it. A folder that holds ``running.json`` is spent and never runs again.
Each of these files is flushed once, after its rename: Linux's file systems keep
a file's new name with it. A power cut before that may leave a name without its
content, which is read as what it is: nobody knows how it ended. ``running.json``
is flushed when the child has run for a moment, because the disk takes longer
than many a command: a cut within that moment may leave nothing of it, nor of
what it has written. One that has ended by then is told of by ``exit.json``.

A task may come with control groups, which the child enters before anything else
and the shim removes when all has ended. It may come with a confinement: the program that makes a view of the machine
(bubblewrap) and its options. The child is that program then, and the variables
reach it through a file in memory: not on its command line, which everybody may
read, and not as its own variables, which could make it load foreign code
outside of the view that it is there to make.

The child leads its own process group inside the shim's session. The shim
adopts what the child orphans (child subreaper) and ends it, and the kernel
kills the child when the shim is killed. SIGTERM asks the child's group to end
and kills after the grace; SIGQUIT kills at once. Times are monotonic, so the
hours in which a laptop sleeps do not count.

SIGUSR1 asks a shim that keeps the socket to hold it: when the child ends by itself, callers
wait in the backlog while another child is started in its place, once in a
minute; ``running.json`` then names that one, and how the one before ended.
SIGUSR2 takes it back: the socket ends with the child, and who waits is told.
A task may name files with what the kernel said of them when somebody last read
them through: no child is started again over one that is another now. That time
is the kernel's own (ctime), which nobody can set back; whoever watches reads
the files again then, and decides.

Every running job and replica carries one of these, so it is small: the
standard library's C modules are imported in place of their Python fronts
(`signal`, `socket`, `json`, `ctypes`), which would triple its start time.
"""

import _signal  # type: ignore[import-not-found]  # typeshed knows only its Python front.
import _socket
import errno
import fcntl
import os
import sys
import time

try:
    import _ctypes
except ImportError:  # A Python built without libffi: orphans are then found by their session alone.
    _ctypes = None  # type: ignore[assignment]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOCK_FILE = "lock"
RUNNING_FILE = "running.json"
EXIT_FILE = "exit.json"
_RESERVED_FILE = "exit.reserved"

# What starting the shim answers with.
STARTED = 0
LOCKED = 75
"""Another shim watches this folder."""
SPENT = 76
"""This folder has run before."""
FAILED = 74
"""Nothing has run; the reason is on stderr."""

CANNOT_RUN = 127
"""The exit code of a child that could not be executed, as shells have it."""

NURSE = "--nurse"
"""In place of a folder: be the process that shims are forked from."""
ROOM = " " * 512
"""The last argument of a nurse: where its shims write their folder, so that `ps` shows which is whose."""

LOADED: "dict[bytes, Callable[[list[bytes], dict[bytes, bytes]], object]]" = {}
"""The modules that this nurse has loaded, by name, with what they begin with: see `pratique.compute.nursing`."""

_BOOT: "list[str]" = []
"""What `boot_id` has found."""
_NAME = b"pratique-shim"
"""What `ps` and other shims know a shim by; the kernel takes 15 bytes."""
_LISTENER = 3
_RESERVED_BYTES = 512
_TAKE_SOCKET = [b"/bin/sh", b"-c", b'LISTEN_PID=$$; export LISTEN_PID; exec "$@"', b"sh"]
"""A process with a view of its own has a number of its own, which it alone can name."""
_KILL_AGAIN = 0.05
_FLUSH_AFTER = 0.05
"""Seconds for which the child has run when the disk is to keep which one it is."""
_STEADY = 60.0
"""Seconds: a child that falls again within them is not started once more; whoever watches decides."""
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36


class Task:
    """What to run, as the starter wrote it to stdin: ``name=value`` records, each ended by NUL."""

    def __init__(self, records: bytes) -> None:
        self.argv: list[bytes] = []
        self.confinement: list[bytes] = []
        self.groups: list[bytes] = []
        self.environment: dict[bytes, bytes] = {}
        self.seen: dict[bytes, bytes] = {}
        """Files by their paths, with what `fingerprint` said of them."""
        self.working_folder = b"/"
        self.log = b"/dev/null"
        self.socket = b""
        self.keeps_socket = False
        self.timeout: float | None = None
        self.grace = 10.0
        for record in records.split(b"\0")[:-1]:
            name, _, value = record.partition(b"=")
            self._take(name, value)

    def _take(self, name: bytes, value: bytes) -> None:
        if name == b"argument":
            self.argv.append(value)
        elif name == b"confinement":
            self.confinement.append(value)
        elif name == b"group":
            self.groups.append(value)
        elif name == b"variable":
            variable, _, text = value.partition(b"=")
            self.environment[variable] = text
        elif name == b"seen":
            said, _, path = value.partition(b" ")
            self.seen[path] = said
        elif name in (b"timeout", b"grace"):
            setattr(self, name.decode(), float(value))
        elif name == b"keeps_socket":
            self.keeps_socket = True
        else:
            setattr(self, name.decode(), value)


class NotStartedError(Exception):
    """The attempt does not start; nothing has run."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def main(folder: str) -> int:
    """Detach a shim for `folder`, and say how it went once its child has been released."""
    _take_name()
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.close(reading)
        os.setsid()
        _serve(folder, writing)
        return 0
    os.close(writing)
    answer = os.read(reading, 4096)
    sys.stderr.write(answer[1:].decode(errors="replace") if answer else "the shim died while it started")
    return answer[0] if answer else FAILED


def nurse(control: int) -> None:
    """Fork a shim for every request that comes to the socket `control`, until nobody holds its other end.

    A request is a connection of its own, handed over as a file descriptor: the
    folder, NUL and the task come in, and what `main` says goes out. All that a
    shim needs is loaded then, so a start costs a fork and not a Python.
    """
    _take_name()
    boot_id()
    os.chdir("/")
    _signal.signal(_signal.SIGCHLD, _signal.SIG_IGN)  # Nobody here asks how a shim ended.
    channel = _socket.socket(fileno=control)
    while (connection := _next_request(channel)) is not None:
        if os.fork() == 0:
            channel.close()
            os.setsid()
            folder, _, records = _read_all(connection).partition(b"\0")
            _show(folder)
            _watch(os.fsdecode(folder), records, connection)
            os._exit(0)
        os.close(connection)


def _next_request(channel: "_socket.socket") -> int | None:
    """The connection of the next request; None when whoever asks is gone."""
    said, handed, _, _ = channel.recvmsg(1, _socket.CMSG_SPACE(4), _socket.MSG_CMSG_CLOEXEC)
    if not said or not handed:
        return None
    return int.from_bytes(handed[0][2][:4], sys.byteorder)


def _serve(folder: str, writing: int) -> None:
    _watch(folder, _read_all(0), writing)


def _watch(folder: str, records: bytes, writing: int) -> None:
    """Be the shim of `folder` from its start to its end; how it started goes to `writing`."""
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _SIGNALS)
    _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)  # Ignored, it would take the exit status away.
    try:
        watch = Watch(folder, Task(records))
        watch.start()
    except NotStartedError as refusal:
        _tell(writing, bytes([refusal.code]) + str(refusal).encode())
        return
    _tell(writing, bytes([STARTED]))
    watch.until_all_ended()
    watch.leave()


def _tell(writing: int, answer: bytes) -> None:
    """Say how it went. Whoever asked may be gone by now; what has been started goes on all the same."""
    try:
        os.write(writing, answer)
    except OSError:
        return
    finally:
        os.close(writing)


_SIGNALS = (
    _signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP, _signal.SIGQUIT, _signal.SIGUSR1, _signal.SIGUSR2,
)  # fmt: skip


class Watch:
    """One attempt, from its lock to its exit status."""

    def __init__(self, folder: str, task: Task) -> None:
        self.folder = folder
        self.task = task
        self.child = 0
        self.status: int | None = None
        self.timed_out = False
        self.timeout_at = _after(task.timeout)
        self.kill_at: float | None = None
        self.holds = False
        self.falls = 0
        self._fell = "null"
        self._fell_at: float | None = None
        self._has_none = False
        """Whether the kernel says that we have no child left, adopted ones included."""
        self._unflushed: int | None = None
        """The file that names the child, until it is flushed."""
        self._flush_at = 0.0
        self._listener: _socket.socket | None = None
        self._socket_identity: tuple[int, int] | None = None

    # Starting.

    def start(self) -> None:
        """Everything up to the moment when the child runs; after `NotStartedError` nothing has run."""
        try:
            self._lock()
        except OSError as error:
            raise self._failed(error) from error
        try:
            self._reserve()
            self._redirect()
            self._listen()
            self._adopts = _prctl(_PR_SET_CHILD_SUBREAPER, 1)
            self._release_child()
        except OSError as error:
            self._undo()
            raise self._failed(error) from error

    def _failed(self, error: OSError) -> NotStartedError:
        place = os.fsdecode(error.filename) if error.filename else self.folder
        return NotStartedError(FAILED, f"{error.strerror or error}: {place}")

    def _path(self, name: str) -> str:
        return self.folder + "/" + name

    def _lock(self) -> None:
        self._lock_file = os.open(self._path(LOCK_FILE), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.lockf(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EACCES, errno.EAGAIN):
                raise
            raise NotStartedError(LOCKED, "another shim watches this folder") from error
        if os.path.lexists(self._path(RUNNING_FILE)) or os.path.lexists(self._path(EXIT_FILE)):
            raise NotStartedError(SPENT, "this folder has run before")

    def _reserve(self) -> None:
        """Take the exit status's disk space now, while refusing to start still costs nothing."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._reserved = os.open(self._path(_RESERVED_FILE), flags, 0o600)
        try:
            os.posix_fallocate(self._reserved, 0, _RESERVED_BYTES)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise
            _write_all(self._reserved, b" " * _RESERVED_BYTES)
            os.fsync(self._reserved)

    def _redirect(self) -> None:
        """From here on, what the shim itself has to say is in the log."""
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        log = os.open(self.task.log, flags, 0o600)
        nothing = os.open("/dev/null", os.O_RDWR)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(nothing)
        os.close(log)

    def _listen(self) -> None:
        """Listen before the child lives: who connects early waits in the backlog and is not refused."""
        path = self.task.socket
        if not path:
            return
        if os.path.lexists(path):
            os.unlink(path)
        self._listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
        previous = os.umask(0o177)
        try:
            self._listener.bind(path)
        except OSError as error:
            raise OSError(error.errno, str(error.strerror or error), path) from error
        finally:
            os.umask(previous)
        self._socket_identity = _identity(path)
        self._listener.listen(1024)

    def _release_child(self) -> None:
        waiting, go = os.pipe()
        shim = os.getpid()
        self.child = os.fork()
        self._has_none = False
        if self.child == 0:
            os.close(go)
            try:
                self._become_child(waiting, shim)
            finally:
                os._exit(CANNOT_RUN)
        os.close(waiting)
        os.setpgid(self.child, self.child)
        if not self.task.keeps_socket:
            self._let_go()
        self._write_running(shim)
        os.write(go, b"!")  # The last step that can fail: after it, it has run.
        os.close(go)
        self.timeout_at = _after(self.task.timeout)

    def _write_running(self, shim: int) -> None:
        facts = (
            f'{{"shim": {shim}, "shim_started": {started_at(shim)},'
            f' "child": {self.child}, "child_started": {started_at(self.child)},'
            f' "boot": "{boot_id()}", "started": {time.time()!r},'
            f' "falls": {self.falls}, "fell": {self._fell}}}\n'
        )
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        part = self._path(RUNNING_FILE + ".part")
        file = os.open(part, flags, 0o600)
        _write_all(file, facts.encode())
        os.rename(part, self._path(RUNNING_FILE))
        if self._unflushed is not None:  # It named the child before this one.
            os.close(self._unflushed)
        self._unflushed, self._flush_at = file, time.monotonic() + _FLUSH_AFTER

    def _flush(self) -> None:
        """Let the disk keep which child it is."""
        file, self._unflushed = self._unflushed, None
        if file is None:
            return
        try:
            os.fsync(file)
        except OSError:  # A failing disk says so again, of the exit status.
            return
        finally:
            os.close(file)

    def _undo(self) -> None:
        """Leave nothing half-made of an attempt that did not start; a waiting child sees its pipe close."""
        for name in (_RESERVED_FILE, RUNNING_FILE + ".part", RUNNING_FILE):
            try:
                os.unlink(self._path(name))
            except OSError:
                continue
        self._remove_socket()

    # The child's side, between fork and exec.

    def _become_child(self, waiting: int, shim: int) -> None:
        _prctl(_PR_SET_PDEATHSIG, _signal.SIGKILL)
        if os.read(waiting, 1) != b"!" or os.getppid() != shim:
            return
        if self._listener is not None:
            self.task.environment |= {b"LISTEN_FDS": b"1", b"LISTEN_PID": str(os.getpid()).encode()}
            os.dup2(self._listener.fileno(), _LISTENER)
            os.set_inheritable(_LISTENER, True)  # dup2 onto itself would have left it to close.
        for number in range(1, _signal.NSIG):
            try:
                _signal.signal(number, _signal.SIG_DFL)
            except (OSError, ValueError):  # SIGKILL, SIGSTOP and those of the C library.
                continue
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        try:
            for group in self.task.groups:
                _enter(group)
            os.chdir(self.task.working_folder)
            if self.task.confinement:
                _confine(self.task)
            if begin := _loaded(self.task.argv):
                begin(self.task.argv, self.task.environment)
            _execute(self.task.argv, self.task.environment)
        except (OSError, ValueError) as error:
            place = self.task.working_folder if _is_about(error, self.task.working_folder) else self.task.argv[0]
            said = f"pratique: cannot run {os.fsdecode(place)}: {getattr(error, 'strerror', None) or error}\n"
            os.write(2, said.encode(errors="replace"))

    # While it runs.

    def until_all_ended(self) -> None:
        """Wait for the child and for all that it leaves behind, ending what must end."""
        while True:
            self._reap()
            if number := _wait_for_signal(0.0):  # What was asked before the child ended counts before its end.
                self._heed(number)
                continue
            if self.status is not None and not self._is_revived():
                self._let_go()
                left = self._left()
                if not left:
                    return
                self._begin_to_end(left)
            self._heed(_wait_for_signal(self._next_moment()))
            self._enforce()

    def _is_revived(self) -> bool:
        """Start another child for the callers who wait, unless nobody asked for it or the last one fell just now."""
        now = time.monotonic()
        is_loop = self._fell_at is not None and now - self._fell_at < _STEADY
        if not self.holds or not self.task.keeps_socket or is_loop or self.kill_at is not None or self.timed_out:
            return False
        if any(fingerprint(path) != said for path, said in self.task.seen.items()):
            return False
        for pid in descendants():
            _kill(pid, _signal.SIGKILL)
        status, self.status = self.status, None
        self.falls, self._fell, self._fell_at = self.falls + 1, self._facts(status or 0), now
        try:
            self._release_child()
        except OSError:  # The one that waits sees its pipe close when we leave.
            self.status = status
            return False
        return True

    def _let_go(self) -> None:
        """Nobody answers any more: who waits in the backlog is told, and nobody else can connect."""
        if self._listener is not None:
            self._listener.close()

    def _left(self) -> list[int]:
        """What the child has left behind; whoever adopts and has no child need not look at all processes."""
        return [] if self._adopts and self._has_none else descendants()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                self._has_none = True
                return
            if pid == 0:
                return
            if pid == self.child:
                self.status = os.waitstatus_to_exitcode(status)

    def _heed(self, number: int) -> None:
        if number in (_signal.SIGUSR1, _signal.SIGUSR2):
            self.holds = number == _signal.SIGUSR1
        elif number == _signal.SIGQUIT:
            self.kill_at = time.monotonic()
        elif number in (_signal.SIGTERM, _signal.SIGINT, _signal.SIGHUP):
            self._begin_to_end(())

    def _begin_to_end(self, others: "list[int] | tuple[int, ...]") -> None:
        """Ask the child's group and `others` to end, once; the grace runs from here."""
        if self.kill_at is not None:
            return
        self.kill_at = time.monotonic() + self.task.grace
        self._let_go()
        if self.status is None:
            self._ask_child()
        for pid in others:
            _kill(pid, _signal.SIGTERM)

    def _ask_child(self) -> None:
        """Ask the child's group to end.

        A confinement would fall at once and kill what it holds, so what it holds
        is asked in its place: all but the program that made it and the first
        process inside, which waits for the others.
        """
        own = {self.child} if self.task.confinement else set()
        inside = [pid for pid in descendants() if own and own.isdisjoint((pid, parent_and_session(pid)[0]))]
        for pid in inside:
            _kill(pid, _signal.SIGTERM)
        if not inside:
            _kill_group(self.child, _signal.SIGTERM)

    def _enforce(self) -> None:
        now = time.monotonic()
        if self._unflushed is not None and now >= self._flush_at:
            self._flush()
        if self.timeout_at is not None and now >= self.timeout_at and self.status is None:
            self.timed_out, self.timeout_at = True, None
            self._begin_to_end(())
        if self.kill_at is not None and now >= self.kill_at:
            for pid in descendants():
                _kill(pid, _signal.SIGKILL)

    def _next_moment(self) -> float | None:
        """Seconds until something must be done unasked; None when only a signal can bring it."""
        now = time.monotonic()
        moments = [self._flush_at] if self._unflushed is not None else []
        if self.kill_at is not None:
            moments.append(self.kill_at if self.kill_at > now else now + _KILL_AGAIN)
        elif self.status is None and self.timeout_at is not None:
            moments.append(self.timeout_at)
        return max(0.0, min(moments) - now) if moments else None

    # Leaving.

    def leave(self) -> None:
        """Write the exit status; the lock goes with the process."""
        os.lseek(self._reserved, 0, os.SEEK_SET)
        _write_all(self._reserved, self._facts(self.status or 0).encode().ljust(_RESERVED_BYTES - 1) + b"\n")
        os.rename(self._path(_RESERVED_FILE), self._path(EXIT_FILE))
        os.fsync(self._reserved)
        self._remove_socket()
        for group in self.task.groups:
            _remove_group(group)

    def _facts(self, status: int) -> str:
        code, number = (str(status), "null") if status >= 0 else ("null", str(-status))
        timed_out = "true" if self.timed_out else "false"
        return f'{{"code": {code}, "signal": {number}, "timed_out": {timed_out}, "at": {time.time()!r}}}'

    def _remove_socket(self) -> None:
        """Remove our socket, unless a later attempt has put its own in its place."""
        try:
            if self._socket_identity == _identity(self.task.socket):
                os.unlink(self.task.socket)
        except OSError:
            return


def fingerprint(path: "bytes | str") -> bytes:
    """What the kernel says of a file: another when it was written or replaced since; empty when it has gone."""
    try:
        facts = os.lstat(path)
    except OSError:
        return b""
    return b"%d:%d:%d:%d" % (facts.st_dev, facts.st_ino, facts.st_size, facts.st_ctime_ns)


def boot_id() -> str:
    """What tells this boot of the machine from every other; asked once, also for all that a nurse forks."""
    if not _BOOT:
        with open("/proc/sys/kernel/random/boot_id", "rb", buffering=0) as file:
            _BOOT.append((file.read() or b"").strip().decode())
    return _BOOT[0]


def started_at(pid: int) -> int:
    """When process `pid` began, in clock ticks since boot; raises `OSError` when there is none.

    With the boot id it tells a process from a later one of the same number.
    """
    return int(_stat(pid)[19])


def descendants() -> list[int]:
    """The live processes which this one must end: its children's children, and its session.

    A server under a shim starts shims of its own. They are there to outlive
    it, so other shims, and what lives under them, are left out.
    """
    me = os.getpid()
    facts = {pid: parent_and_session(pid) for pid in processes() if pid == me or not _is_shim(pid)}
    return [pid for pid in facts if pid != me and (facts[pid][1] == me or _descends(pid, me, facts))]


def _is_shim(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/comm", "rb", buffering=0) as file:
            return (file.read() or b"").strip() == _NAME
    except OSError:
        return False


def _take_name() -> None:
    """Be known as a shim from the first moment: a shim around us must not end us."""
    try:
        with open("/proc/self/comm", "wb", buffering=0) as file:
            file.write(_NAME)
    except OSError:  # Without it we only live shorter.
        return


def _show(folder: bytes) -> None:
    """Write over the arguments of the nurse, which a fork inherits, those of a shim that was started on its own."""
    try:
        with open("/proc/self/cmdline", "rb", buffering=0) as file:
            given = file.read() or b""
        at = given.index(b"\0" + NURSE.encode() + b"\0") + 1
        with open("/proc/self/mem", "r+b", buffering=0) as memory:
            memory.seek(int(_stat(os.getpid())[45]) + at)
            memory.write(folder[: len(given) - at - 1].ljust(len(given) - at, b"\0"))
    except (OSError, ValueError):  # A kernel that does not let us: it is known by its variables as well.
        return


def processes() -> list[int]:
    """The ids of all processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def parent_and_session(pid: int) -> tuple[int, int]:
    """The process that `pid` came from and the session it is in.

    Both 0 for a process that has ended, whether or not its parent has taken note of it.
    """
    try:
        fields = _stat(pid)
    except OSError:
        return 0, 0
    return (0, 0) if fields[0] in (b"Z", b"X") else (int(fields[1]), int(fields[3]))


def _descends(pid: int, ancestor: int, facts: dict[int, tuple[int, int]]) -> bool:
    for _ in range(len(facts)):  # Bounded, because what was read while it changed may hold a loop.
        pid = facts.get(pid, (0, 0))[0]
        if pid == ancestor:
            return True
        if pid == 0:
            return False
    return False


def _stat(pid: int) -> list[bytes]:
    """The fields of ``/proc/<pid>/stat`` after the name, which may itself hold spaces and parentheses."""
    with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
        return (file.read() or b"").rpartition(b")")[2].split()


def _wait_for_signal(seconds: float | None) -> int:
    """The next signal's number; 0 when `seconds` have passed without one."""
    if seconds is None:
        return int(_signal.sigwaitinfo(_SIGNALS).si_signo)
    found = _signal.sigtimedwait(_SIGNALS, seconds)
    return int(found.si_signo) if found else 0


def _loaded(argv: list[bytes]) -> "Callable[[list[bytes], dict[bytes, bytes]], object] | None":
    """What ``PYTHON -m MODULE`` begins with, when this process has that module already."""
    return LOADED.get(argv[2]) if len(argv) > 2 and argv[1] == b"-m" else None


def _execute(argv: list[bytes], environment: dict[bytes, bytes]) -> None:
    """Become the program, found on the environment's own PATH; raises the most telling `OSError`."""
    if b"/" in argv[0]:
        os.execve(argv[0], argv, environment)  # noqa: S606 - a shell would change what is run.
    refusal = OSError(errno.ENOENT, "no such program on its PATH")
    for folder in environment.get(b"PATH", os.defpath.encode()).split(b":"):
        try:
            os.execve(os.path.join(folder, argv[0]), argv, environment)  # noqa: S606
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refusal = error
    raise refusal


def _confine(task: Task) -> None:
    """Become the program that confines `task`; raises `OSError`."""
    given = [*task.confinement[1:], b"--chdir", task.working_folder]
    for name, value in task.environment.items():
        given += [b"--setenv", name, value]
    file = os.memfd_create("confinement", 0)  # Not closed by exec.
    _write_all(file, b"".join(text + b"\0" for text in given))
    os.lseek(file, 0, os.SEEK_SET)
    first = _TAKE_SOCKET if b"LISTEN_FDS" in task.environment else []
    program = task.confinement[0]
    os.execve(program, [program, b"--args", str(file).encode(), b"--", *first, *task.argv], {})  # noqa: S606


def _enter(group: bytes) -> None:
    """Be bounded by a control group, with all that is started from here; raises `OSError`."""
    file = os.open(group + b"/cgroup.procs", os.O_WRONLY)
    try:
        _write_all(file, str(os.getpid()).encode())
    finally:
        os.close(file)


def _remove_group(group: bytes) -> None:
    try:
        os.rmdir(group)
    except OSError:  # Something lives in it; the next server that makes one looks again.
        return


def _is_about(error: Exception, path: bytes) -> bool:
    return isinstance(error, OSError) and error.filename == path


def _prctl(option: int, value: int) -> bool:
    """Whether the kernel took it."""
    if _ctypes is None:
        return False
    library = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]  # None: this process itself.
    function = _ctypes.dlsym(library, "prctl")
    return bool(_ctypes.call_function(function, (option, value, 0, 0, 0)) == 0)


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:  # It has ended, or it became another user's: neither can be helped.
        return


def _kill_group(group: int, number: int) -> None:
    try:
        os.killpg(group, number)
    except OSError:
        return


def _after(seconds: float | None) -> float | None:
    return None if seconds is None else time.monotonic() + seconds


def _identity(path: bytes) -> tuple[int, int]:
    facts = os.lstat(path)
    return facts.st_dev, facts.st_ino


def _read_all(file: int) -> bytes:
    parts = []
    while part := os.read(file, 1 << 16):
        parts.append(part)
    return b"".join(parts)


def _write_all(file: int, content: bytes) -> None:
    while content:
        content = content[os.write(file, content) :]


if __name__ == "__main__":
    if sys.argv[1] == NURSE:
        nurse(int(sys.argv[2]))
        sys.exit(0)
    sys.exit(main(sys.argv[1]))
