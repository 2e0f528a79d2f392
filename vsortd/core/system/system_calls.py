"""Linux's system calls that a confined process may not make, by what they would let it do.

The numbers are the kernel's: `arch/x86/entry/syscalls/syscall_64.tbl` and `include/uapi/asm-generic/unistd.h`.
"""

from __future__ import annotations

import platform
import sys
from typing import Final

# What the kernel calls the machine whose calls these are (AUDIT_ARCH_…), and the column of its numbers.
_MACHINES: Final = {"x86_64": (0xC000003E, 0), "aarch64": (0xC00000B7, 1)}
# No machine here had a call of this number or above when this was written.
FIRST_UNKNOWN: Final = 451
# On x86-64 the same calls once more, with 32-bit pointers.
X32_BIT: Final = 0x4000_0000

_Numbers = dict[str, tuple[int, int]]

# Networks, and sockets of this machine.
NETWORK: Final[_Numbers] = {
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
}
# Other processes: to look into them, to steer them, to talk to them, to slow them down.
PROCESSES: Final[_Numbers] = {
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "process_mrelease": (448, 448),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "sched_setaffinity": (203, 122),
    "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
    "setpriority": (141, 140),
    "ioprio_set": (251, 30),
    "setrlimit": (160, 164),
    "setpgid": (109, 154),
    "setsid": (112, 157),
    "setns": (308, 268),
    "unshare": (272, 97),
    "migrate_pages": (256, 238),
    "move_pages": (279, 239),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "shmdt": (67, 197),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "semtimedop": (220, 192),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183),
    "mq_notify": (244, 184),
    "mq_getsetattr": (245, 185),
}
# What a file is besides its bytes: also by an open descriptor that may only be read.
ATTRIBUTES: Final[_Numbers] = {
    "chmod": (90, -1),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "chown": (92, -1),
    "fchown": (93, 55),
    "lchown": (94, -1),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "utime": (132, -1),
    "utimes": (235, -1),
    "utimensat": (280, 88),
    "futimesat": (261, -1),
    "link": (86, -1),
    "linkat": (265, 37),
    "symlink": (88, -1),
    "symlinkat": (266, 36),
    "mknod": (133, -1),
    "mknodat": (259, 33),
    "flock": (73, 32),
}
# Files and folders made, emptied, renamed, removed.
CHANGES: Final[_Numbers] = {
    "mkdir": (83, -1),
    "mkdirat": (258, 34),
    "rmdir": (84, -1),
    "unlink": (87, -1),
    "unlinkat": (263, 35),
    "rename": (82, -1),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "creat": (85, -1),
    "fallocate": (285, 47),
}
# Programs in the place of this one.
EXEC: Final[_Numbers] = {"execve": (59, 221), "execveat": (322, 281)}
# Processes beside this one.
FORK: Final[_Numbers] = {"fork": (57, -1), "vfork": (58, -1)}
# The system itself, and what mostly attacks need.
SYSTEM: Final[_Numbers] = {
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "acct": (163, 89),
    "quotactl": (179, 60),
    "quotactl_fd": (443, 443),
    "settimeofday": (164, 170),
    "clock_settime": (227, 112),
    "clock_adjtime": (305, 266),
    "adjtimex": (159, 171),
    "syslog": (103, 116),
    "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263),
    "inotify_init": (253, -1),
    "inotify_init1": (294, 26),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "vhangup": (153, 58),
    "ioperm": (173, -1),
    "iopl": (172, -1),
    "modify_ldt": (154, -1),
    "lookup_dcookie": (212, 18),
    "nfsservctl": (180, 42),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "sync": (162, 81),
    "syncfs": (306, 267),
}
# Calls that are refused or not by what they are asked for.
_BY_ARGUMENT: Final[_Numbers] = {
    "open": (2, -1),
    "openat": (257, 56),
    "openat2": (437, 437),
    "clone": (56, 220),
    "clone3": (435, 435),
    "kill": (62, 129),
    "tgkill": (234, 131),
    "prlimit64": (302, 261),
    "fcntl": (72, 25),
    "ioctl": (16, 29),
}
_SECCOMP: Final[_Numbers] = {"seccomp": (317, 277)}

# The same numbers on every machine.
LANDLOCK_CREATE_RULESET: Final = 444
LANDLOCK_ADD_RULE: Final = 445
LANDLOCK_RESTRICT_SELF: Final = 446


class Machine:
    """The numbers of the machine that this process runs on; None of `here` where they aren't known."""

    def __init__(self, audit_arch: int, column: int) -> None:
        self.audit_arch = audit_arch
        self._column = column

    @classmethod
    def here(cls) -> Machine | None:
        """Return this machine, None if it is neither x86-64 nor aarch64, or runs a program of 32 bits."""
        known = _MACHINES.get(platform.machine()) if sys.maxsize > 1 << 32 else None
        return None if known is None else cls(*known)

    def numbers(self, *groups: _Numbers) -> tuple[int, ...]:
        """Return the numbers of all calls of some groups that this machine has."""
        column = self._column
        return tuple(pair[column] for group in groups for pair in group.values() if pair[column] >= 0)

    def number(self, name: str) -> int | None:
        """Return the number of one call that is refused by its argument, or of `seccomp`; None if there is none."""
        found = (_BY_ARGUMENT | _SECCOMP)[name][self._column]
        return found if found >= 0 else None
