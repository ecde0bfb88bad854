"""What the functions of Python's library do: files, programs, requests, statements; and what does nothing."""

import re
from collections.abc import Mapping

from firewall.classify.rows import Verb

FILES: Mapping[str, tuple[tuple[Verb, int], ...]] = {
    "os.remove": ((Verb.REMOVE, 0),),
    "os.unlink": ((Verb.REMOVE, 0),),
    "os.rmdir": ((Verb.REMOVE, 0),),
    "os.removedirs": ((Verb.REMOVE, 0),),
    "shutil.rmtree": ((Verb.REMOVE, 0),),
    "os.truncate": ((Verb.OVERWRITE, 0),),
    "os.rename": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "os.renames": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "os.replace": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "shutil.move": ((Verb.MOVE, 0), (Verb.PLACE, 1)),
    "shutil.copy": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "shutil.copy2": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "shutil.copyfile": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "shutil.copytree": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "shutil.copymode": ((Verb.MODE, 1),),
    "shutil.chown": ((Verb.MODE, 0),),
    "shutil.unpack_archive": ((Verb.READ, 0), (Verb.PLACE, 1)),
    "os.symlink": ((Verb.PLACE, 1),),
    "os.link": ((Verb.PLACE, 1),),
    "os.chmod": ((Verb.MODE, 0),),
    "os.chown": ((Verb.MODE, 0),),
    "os.lchown": ((Verb.MODE, 0),),
    "os.makedirs": ((Verb.CREATE, 0),),
    "os.mkdir": ((Verb.CREATE, 0),),
    "os.utime": ((Verb.EDIT, 0),),
    "os.listdir": ((Verb.LIST, 0),),
    "os.scandir": ((Verb.LIST, 0),),
    "os.walk": ((Verb.LIST, 0),),
    "os.stat": ((Verb.LIST, 0),),
    "os.lstat": ((Verb.LIST, 0),),
    "os.access": ((Verb.LIST, 0),),
    "os.readlink": ((Verb.LIST, 0),),
    "os.path.exists": ((Verb.LIST, 0),),
    "os.path.isfile": ((Verb.LIST, 0),),
    "os.path.isdir": ((Verb.LIST, 0),),
    "os.path.getsize": ((Verb.LIST, 0),),
    "os.path.getmtime": ((Verb.LIST, 0),),
    "glob.glob": ((Verb.LIST, 0),),
    "glob.iglob": ((Verb.LIST, 0),),
    "linecache.getlines": ((Verb.READ, 0),),
    "linecache.getline": ((Verb.READ, 0),),
    "tokenize.open": ((Verb.READ, 0),),
    "mimetypes.read_mime_types": ((Verb.READ, 0),),
    "xml.etree.ElementTree.iterparse": ((Verb.READ, 0),),
    "xml.etree.ElementTree.ElementTree().write": ((Verb.OVERWRITE, 0),),
    "xml.etree.ElementTree.parse().write": ((Verb.OVERWRITE, 0),),
    "configparser.ConfigParser().read": ((Verb.READ, 0),),
    "configparser.RawConfigParser().read": ((Verb.READ, 0),),
    "configparser.SafeConfigParser().read": ((Verb.READ, 0),),
    "runpy.run_path": ((Verb.RUN, 0),),
    "xml.etree.ElementTree.parse": ((Verb.READ, 0),),
}
"""Dotted name -> what is done to which argument."""
OPENERS: Mapping[str, str] = {
    "zipfile.ZipFile": "file",
    "tarfile.open": "name",
    "tarfile.TarFile.open": "name",
    "gzip.open": "filename",
    "gzip.GzipFile": "filename",
    "bz2.open": "filename",
    "bz2.BZ2File": "filename",
    "lzma.open": "filename",
    "lzma.LZMAFile": "filename",
}
"""Functions that open a file by a mode, as the second argument -> what they call the file."""
UNPACKING: Mapping[str, int] = {"extractall": 0, "extract": 1}
"""Methods of an archive that write what is in it -> which argument is the folder."""
TREES = frozenset({"shutil.rmtree", "shutil.copytree", "shutil.move", "os.removedirs"})
METHODS: Mapping[str, Verb] = {
    "unlink": Verb.REMOVE,
    "rmdir": Verb.REMOVE,
    "rmtree": Verb.REMOVE,
    "write_text": Verb.OVERWRITE,
    "write_bytes": Verb.OVERWRITE,
    "truncate": Verb.OVERWRITE,
    "touch": Verb.CREATE,
    "mkdir": Verb.CREATE,
    "chmod": Verb.MODE,
    "symlink_to": Verb.PLACE,
    "hardlink_to": Verb.PLACE,
}
"""What methods of a path do, whatever is known of it."""
PATH_METHODS: Mapping[str, Verb] = {
    **METHODS,
    "read_text": Verb.READ,
    "read_bytes": Verb.READ,
    "rename": Verb.MOVE,
    "replace": Verb.MOVE,
    "iterdir": Verb.LIST,
    "glob": Verb.LIST,
    "rglob": Verb.LIST,
    "exists": Verb.LIST,
    "is_file": Verb.LIST,
    "is_dir": Verb.LIST,
    "stat": Verb.LIST,
}
"""The same where the path is one for certain."""
PLAIN_PATH_METHODS = frozenset(
    {
        "joinpath", "resolve", "absolute", "expanduser", "with_suffix", "with_name", "relative_to",
        "as_posix", "parent", "name", "stem", "suffix", "parts", "is_absolute", "match", "is_symlink",
        "parents", "suffixes", "with_stem", "samefile", "is_relative_to", "as_uri", "anchor", "read_text",
        "read_bytes", "open",
    }
)  # fmt: skip
RUNS = re.compile(
    r"subprocess\.(?:run|call|check_call|check_output|Popen|getoutput|getstatusoutput)|os\.(?:system|popen)"
    r"|os\.(?:exec|spawn)[lv]p?e?|os\.posix_spawnp?|pty\.spawn|commands\.getoutput"
    r"|asyncio\.create_subprocess_(?:shell|exec)"
)
REQUESTS = re.compile(
    r"(?:requests|httpx)(?:\.(?:Session|Client|AsyncClient|session)\(\))?"
    r"\.(?P<method>get|post|put|patch|delete|head|options|request|stream)"
    r"|urllib\.request\.(?:urlopen|Request|urlretrieve)"
)
SQL_METHODS = frozenset(
    {"execute", "executemany", "executescript", "exec_driver_sql", "fetch", "fetchrow", "fetchval", "copy_expert"}
)
RUNNERS = frozenset(
    {"system", "popen", "Popen", "check_output", "check_call", "getoutput", "run", "call", "sudo", "local"}
)
"""Names of methods that run a command, of whatever object."""
LOSSY = re.compile(
    r"(?:delete|drop|destroy|purge|terminate|truncate|remove|flush)(?:_\w+|all|db|One|Many|Database)?|rmtree|unlink"
)
"""Names of methods that remove something, on objects of libraries that are not followed."""
CODE = frozenset(
    {"eval", "exec", "compile", "__import__", "importlib.import_module", "runpy.run_module", "execfile"}
)
MODULES = frozenset(
    {
        "json", "sys", "re", "math", "datetime", "time", "calendar", "collections", "collections.abc",
        "itertools", "functools", "string", "textwrap", "statistics", "decimal", "fractions", "platform",
        "random", "uuid", "hashlib", "base64", "binascii", "html", "urllib.parse", "urllib", "tomllib",
        "csv", "operator", "bisect", "heapq", "unicodedata", "difflib", "pprint", "zlib", "struct",
        "ipaddress", "keyword", "token", "colorsys", "cmath", "numbers", "os", "os.path", "pathlib",
        "shutil", "subprocess", "glob", "fnmatch", "io", "typing", "dataclasses", "enum", "abc",
        "contextlib", "copy", "ast", "tokenize", "traceback", "warnings", "__future__", "argparse",
        "getpass", "secrets", "zoneinfo", "gzip", "bz2", "lzma", "urllib.request", "sqlite3", "requests",
        "httpx", "xml.etree.ElementTree", "xml", "configparser", "locale", "stat", "errno", "shlex",
        "timeit", "psycopg", "psycopg2", "pymysql", "asyncpg", "mysql.connector", "sqlalchemy", "boto3",
        "tempfile", "types", "importlib.metadata", "codecs", "linecache", "hmac", "array", "weakref",
        "queue", "reprlib", "asyncio", "email.utils", "mimetypes", "quopri", "sysconfig", "site",
        "graphlib", "socket", "concurrent.futures", "threading", "multiprocessing", "signal", "logging",
        "inspect", "unittest", "doctest", "html.parser", "zipfile", "tarfile", "importlib", "pty",
        "urllib.error", "http", "email", "email.policy", "email.message", "email.parser", "email.header",
        "email.mime.text", "email.mime.multipart", "yaml", "http.client",
    }
)  # fmt: skip
"""Modules of the library, and those whose functions are known here; importing another runs code."""
ACTING = frozenset(
    {
        "os", "shutil", "subprocess", "pathlib", "glob", "sqlite3", "requests", "httpx", "urllib",
        "psycopg", "psycopg2", "pymysql", "asyncpg", "mysql", "sqlalchemy", "boto3", "tempfile", "asyncio",
        "socket", "concurrent", "threading", "multiprocessing", "signal", "importlib", "runpy", "site",
        "zipfile", "tarfile", "pty", "inspect", "unittest", "doctest", "codecs", "io", "gzip", "bz2",
        "lzma", "linecache", "logging", "types", "timeit", "operator", "yaml", "http",
    }
)  # fmt: skip
"""Of these only what is listed is known to do nothing."""
INERT = re.compile(
    r"os\.(?:getcwd|getpid|getppid|getuid|geteuid|getlogin|uname|cpu_count|sep|linesep|name|pathsep|getenv|environ(?:\.get)?"
    r"|environ\.(?:items|keys|values|copy)|fspath|fsencode|fsdecode|path(?:\.\w+)?|curdir|devnull|extsep|error|PathLike|cwd"
    r"|get_terminal_size|stat_result|isatty|getloadavg|times|W_OK|R_OK|X_OK|F_OK|walk|scandir|DirEntry)"
    r"|shutil\.(?:which|disk_usage|get_terminal_size|ignore_patterns)"
    r"|subprocess\.(?:PIPE|DEVNULL|STDOUT|CalledProcessError|TimeoutExpired|CompletedProcess|SubprocessError|list2cmdline)"
    r"|pathlib(?:\.(?:Path|PurePath|PosixPath|PurePosixPath))?(?:\.(?:home|cwd))?|glob(?:\.(?:escape|glob|iglob))?"
    r"|io\.(?:StringIO|BytesIO|TextIOWrapper)|tempfile\.(?:gettempdir|mkdtemp|mkstemp|NamedTemporaryFile|TemporaryDirectory|TemporaryFile)|codecs\.(?:decode|encode|lookup|BOM_UTF8)"
    r"|sqlite3\.(?:Row|Error|OperationalError|connect|sqlite_version|version|IntegrityError|DatabaseError)"
    r"|(?:psycopg|psycopg2|pymysql|asyncpg|mysql\.connector)\.(?:connect|Error|OperationalError|extras(?:\.\w+)?|rows(?:\.\w+)?)"
    r"|sqlalchemy\.(?:create_engine|text|inspect)|boto3\.(?:client|resource|session|Session)"
    r"|asyncio\.(?:run|sleep|gather|wait_for|get_event_loop|create_task)|importlib\.metadata(?:\.(?:version|metadata|requires|distributions|packages_distributions|PackageNotFoundError|entry_points))?"
    r"|urllib\.(?:parse(?:\.\w+)*|error(?:\.\w+)?|request)|socket\.(?:gethostname|getfqdn|AF_INET|SOCK_STREAM)"
    r"|(?:requests|httpx)\.(?:Session|Client|AsyncClient|session|exceptions(?:\.\w+)?|HTTPError|Timeout|Response|codes(?:\.\w+)?|RequestException)"
    r"|logging\.(?:getLogger|basicConfig|info|debug|warning|error|exception|DEBUG|INFO|WARNING|ERROR)|types\.\w+"
    r"|platform\.system|timeit\.default_timer|operator\.(?:itemgetter|add|mul|sub|eq|lt|gt|or_|and_|not_)|linecache\.getline|inspect\.(?:cleandoc|signature|getsource|getsourcelines|getsourcefile|getfile|getdoc|isclass|isfunction|ismethod|Parameter(?:\.\w+)?)"
    r"|http(?:\.(?:HTTPStatus(?:\.\w+|\(\)\.\w+)*|client(?:\.(?:responses|HTTPException))?))?"
    r"|yaml(?:\.(?:safe_load(?:_all)?|safe_dump(?:_all)?|dump(?:_all)?|YAMLError|SafeLoader|CSafeLoader|SafeDumper))?"
    r"|zipfile\.(?:is_zipfile|BadZipFile|ZIP_\w+)|tarfile\.is_tarfile|threading\.(?:Lock|RLock|Event|current_thread|active_count|local)|site\.(?:getsitepackages|getusersitepackages|getuserbase)|importlib|concurrent|signal"
    r"|os|shutil|subprocess|requests|httpx|urllib|boto3|sqlalchemy|psycopg|psycopg2|sqlite3|io|codecs|asyncio|socket"
)
"""What does nothing by itself in the modules of `ACTING`."""
BUILTINS = frozenset(
    {
        "print", "len", "range", "sorted", "sum", "min", "max", "abs", "round", "int", "float", "str",
        "bool", "bytes", "list", "dict", "set", "tuple", "frozenset", "enumerate", "zip", "map", "filter",
        "any", "all", "repr", "ord", "chr", "hex", "bin", "oct", "reversed", "isinstance", "type", "iter",
        "next", "format", "hash", "divmod", "pow", "ascii", "slice", "complex", "open", "exit", "quit",
        "id", "issubclass", "callable", "hasattr", "input", "super", "property", "staticmethod",
        "classmethod", "object", "bytearray", "memoryview", "Exception", "ValueError", "KeyError",
        "TypeError", "IndexError", "FileNotFoundError", "OSError", "RuntimeError", "StopIteration",
        "SystemExit", "AssertionError", "AttributeError", "ImportError", "ModuleNotFoundError",
        "UnicodeDecodeError", "KeyboardInterrupt", "NotImplementedError", "ZeroDivisionError",
        "PermissionError", "IOError", "BaseException", "SyntaxError", "UnicodeError", "EOFError",
        "ConnectionError", "TimeoutError", "NameError", "Warning", "JSONDecodeError", "__name__",
        "__file__", "__doc__", "Ellipsis", "NotImplemented", "True", "False", "None", "FileExistsError",
        "IsADirectoryError", "NotADirectoryError", "LookupError", "ArithmeticError", "OverflowError",
        "RecursionError", "StopAsyncIteration", "UserWarning", "DeprecationWarning", "aiter", "anext", "dir",
        "BaseExceptionGroup", "ExceptionGroup", "GeneratorExit", "ConnectionRefusedError",
        "ConnectionResetError", "BrokenPipeError", "BlockingIOError", "InterruptedError", "ProcessLookupError",
        "ChildProcessError", "UnboundLocalError", "TabError", "IndentationError", "FutureWarning",
    }
)  # fmt: skip
REFUSED = frozenset(
    {
        "system", "popen", "modules", "main", "settrace", "setprofile", "path_hooks", "meta_path", "attrgetter",
        "methodcaller", "get_type_hints", "singledispatch", "singledispatchmethod", "breakpointhook",
        "addaudithook", "path_importer_cache", "displayhook", "excepthook", "execv", "execve", "spawn",
        "fork", "kill", "tb_frame", "f_globals", "f_builtins", "gi_frame", "cr_frame", "func_globals",
        "load_module", "exec_module", "loader", "create_module", "find_spec", "format_map", "partialmethod",
        "ctypes", "pickle", "builtins", "mro", "f_back", "f_locals", "interact", "bltns", "stdlib_re",
        "get_field", "import_module", "FileType", "CodeType", "FunctionType", "LambdaType",
        "subprocess_exec", "subprocess_shell", "load_extension", "enable_load_extension", "build_request",
    }
)  # fmt: skip
"""Attributes that lead to what is not judged by its own name."""
REFUSED_WITH: Mapping[str, frozenset[str]] = {
    "send": frozenset(
        {"requests", "httpx", "socket", "asyncio", "multiprocessing", "urllib", "http", "concurrent"}
    ),
    "backup": frozenset({"sqlite3", "sqlalchemy"}),
    "load": frozenset({"importlib"}),
}
"""Attributes that do so only beside one of these modules; without it they are the program's own."""
DUNDERS = frozenset(
    {"__name__", "__version__", "__file__", "__doc__", "__len__", "__str__", "__repr__", "__annotations__"}
)
FIELDS = frozenset({"_asdict", "_replace", "_fields", "_make", "_field_defaults"})
"""Names of a named tuple that only look private."""
SYS = frozenset(
    {
        "argv", "version", "version_info", "platform", "maxsize", "byteorder", "executable",
        "implementation", "getsizeof", "prefix", "base_prefix", "flags", "float_info", "int_info",
        "maxunicode", "api_version", "stdin", "stdout", "stderr", "exit", "path", "exc_info",
        "getdefaultencoding", "getfilesystemencoding", "hexversion", "getrecursionlimit",
        "stdlib_module_names", "builtin_module_names", "int_max_str_digits",
    }
)  # fmt: skip
"""What may be asked of `sys`."""
