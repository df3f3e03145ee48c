"""heliodex/_abi.py says of structures, constants and functions what heliodex.h says, as the C compiler reads it."""

import ctypes
import functools
import re
import subprocess

import pytest

from conftest import ROOT

HEADER = ROOT / "src" / "heliodex.h"

# Where the name of an enumeration in Python (OUTCOME) leads neither to that in C nor to how its enumerators begin.
ENUMERATIONS = {"PARAMETER": "hdx_parameter_type", "LOG": "hdx_log_level", "OUTCOME": "hdx_mirror_outcome"}
PREFIXES = {"STATUS": "HDX_", "OPERATOR": "HDX_", "YEAR_STATE": "HDX_YEAR_", "OUTCOME": "HDX_MIRROR_"}
# Values that differ from the enumerators by more than letter case.
VALUES = {
    "OPERATOR": ("EQUAL", "NOT_EQUAL", "LESS", "LESS_OR_EQUAL", "GREATER", "GREATER_OR_EQUAL"),
    "PARAMETER": ("UNKNOWN", "STRING", "INTEGER", "DOUBLE"),
}

NUMBERS = {"_Bool": ctypes.c_bool, "double": ctypes.c_double, "int": ctypes.c_int, "size_t": ctypes.c_size_t,
           "int64_t": ctypes.c_int64, "uint32_t": ctypes.c_uint32, "uint64_t": ctypes.c_uint64}


@pytest.fixture(scope="module")
def abi(build):
    from heliodex import _abi

    return _abi


def structures(abi):
    return {name: value for name, value in vars(abi).items()
            if isinstance(value, type) and issubclass(value, ctypes.Structure) and value is not ctypes.Structure}


def c_name(name):
    """IndexItem: hdx_index_item"""
    return "hdx" + re.sub("([A-Z])", lambda match: "_" + match[1].lower(), name)


# ---- what the header says


@functools.cache
def declarations():
    """The header without comments and macros, from its first structure on."""
    text = subprocess.check_output(["cc", "-E", "-P", HEADER], text=True)
    text = re.sub(r'__attribute__\(\(visibility\("default"\)\)\)', "", text)
    return text[text.index("enum hdx_status"):]


def body(kind, name):
    found = re.search(rf"\b{kind} {name} {{([^}}]*)}}", declarations())
    assert found, f"the header has no {kind} {name}"
    return found[1]


def enumerators(name):
    return [part.strip() for part in body("enum", name).split(",") if part.strip()]


def members(name):
    """{member: its C type, as far as it stands before or around the name}"""
    found = {}
    for declaration in body("struct", name).split(";"):
        function = re.fullmatch(r"\s*(.*)\(\*(\w+)\)\((.*)\)\s*", declaration, re.S)
        if function:
            found[function[2]] = declaration
        elif declaration.strip():
            first, *others = declaration.split(",")
            kind, member = re.fullmatch(r"\s*(.*?)([\w]+(?:\[\w+\])?)\s*", first, re.S).groups()
            base = kind.replace("*", "").strip()
            found[member] = kind
            for other in others:
                found[other.replace("*", "").strip()] = base + " " + "*" * other.count("*")
    return found


def split_arguments(text):
    """At the commas that stand in no parentheses."""
    parts, depth = [""], 0
    for character in text:
        depth += (character == "(") - (character == ")")
        if character == "," and not depth:
            parts.append("")
        else:
            parts[-1] += character
    return [] if text.strip() in ("", "void") else parts


@functools.cache
def functions():
    """{function: (C type of its result, those of its arguments)}"""
    found = re.findall(r"(?:^|[;}])\s*([\w\s*]+?[\s*])(hdx_\w+)\(((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\);",
                       declarations().replace(";", ";;"), re.S)
    return {name: (result, split_arguments(arguments)) for result, name, arguments in found}


# ---- how ctypes has that


def python_type(abi, c_type):
    """The ctypes type for a C type (which may have a name behind it), "function", or None for void."""
    if "(*" in c_type:
        return "function"
    stars = c_type.count("*") + ("[" in c_type)
    words = [word for word in re.sub(r"[*]|\[.*\]", " ", c_type).split() if word not in ("const", "unsigned")]
    if words[0] == "enum":
        base = ctypes.c_int
    elif words[0] == "struct":
        base = {c_name(name): it for name, it in structures(abi).items()}.get(words[1])  # None: only handled
    elif words[0] in ("char", "void"):
        base, stars = (ctypes.c_char_p if words[0] == "char" else ctypes.c_void_p), stars - 1
        if stars < 0:
            return None if words[0] == "void" else ctypes.c_char
    else:
        base = NUMBERS[words[0]]
    if base is None:
        base, stars = ctypes.c_void_p, stars - 1
    for _ in range(stars):
        base = ctypes.POINTER(base)
    return base


def is_pointer(kind):
    return kind in ("function", ctypes.c_char_p, ctypes.c_void_p) or bool(kind and issubclass(kind, ctypes._Pointer))


def agrees(abi, declared, c_type):
    """Whether a type of ctypes stands for that C type. What is not looked at in Python may be any pointer."""
    wanted = python_type(abi, c_type)
    if declared is ctypes.c_void_p:
        return is_pointer(wanted)
    if wanted == "function":
        result, arguments = re.fullmatch(r"(.*?)\(\*\w+\)\s*\((.*)\)\s*", c_type, re.S).groups()
        return agrees_function(abi, declared._restype_, declared._argtypes_, result, split_arguments(arguments))
    return declared is wanted


def agrees_function(abi, result, arguments, c_result, c_arguments):
    return (agrees(abi, result, c_result) and len(arguments) == len(c_arguments)
            and all(agrees(abi, *pair) for pair in zip(arguments, c_arguments)))


# ---- and whether it does


@pytest.fixture(scope="module")
def measured(abi, tmp_path_factory):
    """What the compiler says: {expression: value}."""
    expressions = []
    for name, structure in structures(abi).items():
        expressions.append(f"sizeof(struct {c_name(name)})")
        for member, *_ in structure._fields_:
            expressions += place_and_size(c_name(name), member)
    expressions += constants(abi)
    for name in enumerations(abi):
        expressions += enumerators(enumeration(name))
    folder = tmp_path_factory.mktemp("abi")
    lines = [f'  printf("%s\\t%lld\\n", "{text}", (long long)({text}));\n' for text in dict.fromkeys(expressions)]
    (folder / "measure.c").write_text(
        f'#include "{HEADER}"\n#include <stdio.h>\nint main(void) {{\n{"".join(lines)}  return 0;\n}}\n')
    subprocess.run(["cc", "-std=c11", "-o", folder / "measure", folder / "measure.c"], check=True)
    printed = subprocess.check_output([folder / "measure"], text=True).splitlines()
    return {text: int(value) for text, value in (line.split("\t") for line in printed)}


def place_and_size(structure, member):
    member = member.rstrip("_")  # from_, as `from` is a word of Python's own
    return [f"offsetof(struct {structure}, {member})", f"sizeof(((struct {structure} *)0)->{member})"]


def constants(abi):
    """{HDX_…: value} of all numbers."""
    return {"HDX_" + name: value for name, value in vars(abi).items() if name.isupper() and isinstance(value, int)}


def enumerations(abi):
    return {name: value for name, value in vars(abi).items()
            if name.isupper() and isinstance(value, tuple) and all(isinstance(one, str) for one in value)}


def enumeration(name):
    return ENUMERATIONS.get(name, "hdx_" + name.lower())


def test_structures(abi, measured):
    assert len(structures(abi)) > 25
    for name, structure in structures(abi).items():
        fields = [member for member, *_ in structure._fields_]
        declared = members(c_name(name))
        assert [member.rstrip("_") for member in fields] == [member.split("[")[0] for member in declared], name
        for member, c_type in zip(fields, declared.items()):
            field = getattr(structure, member)
            measures = [measured[expression] for expression in place_and_size(c_name(name), member)]
            assert [field.offset, field.size] == measures, f"{name}.{member}"
            kind = dict(structure._fields_)[member]
            array = "[" in c_type[0]
            assert agrees(abi, kind._type_ if array else kind, c_type[1]), f"{name}.{member}: {kind}, in C {c_type}"
        assert ctypes.sizeof(structure) == measured[f"sizeof(struct {c_name(name)})"], name


def test_constants(abi, measured):
    assert len(constants(abi)) > 15
    for name, value in constants(abi).items():
        bits = 2**64 if value >= 2**63 else 0  # size_t, which was printed as if it had a sign
        assert value == measured[name] + bits, name


def test_enumerations(abi, measured):
    assert len(enumerations(abi)) > 10
    for name, values in enumerations(abi).items():
        prefix = PREFIXES.get(name, f"HDX_{name}_")
        wanted = [prefix + value.upper() for value in VALUES.get(name, values)]
        there = [one for one in enumerators(enumeration(name)) if not one.endswith("_COUNT")]
        assert there == wanted, name
        assert [measured[one] for one in there] == list(range(len(values))), name


def test_functions(abi):
    assert len(abi.PROTOTYPES) > 40
    for name, (result, arguments) in abi.PROTOTYPES.items():
        assert name in functions(), f"the header has no {name}"
        c_result, c_arguments = functions()[name]
        assert len(arguments) == len(c_arguments), f"{name}: {c_arguments}"
        assert agrees(abi, result, c_result), f"{name} returns {c_result}"
        for number, pair in enumerate(zip(arguments, c_arguments), 1):
            assert agrees(abi, *pair), f"{name}: argument {number} is {pair[1]}, not {pair[0]}"


def test_version(abi):
    """One version in the header, in the build, in the binding."""
    parts = dict(re.findall(r"#define HDX_VERSION_(\w+) (\d+)", HEADER.read_text()))
    assert abi.VERSION == (int(parts["MAJOR"]), int(parts["MINOR"]))
    project = re.search(r"project\(heliodex VERSION ([\d.]+)", (ROOT / "CMakeLists.txt").read_text())[1]
    assert project == f"{parts['MAJOR']}.{parts['MINOR']}.{parts['PATCH']}"
