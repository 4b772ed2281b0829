"""What Python and C++ agree on: what native/abi.h says, and whether the library keeps to it.

Python reads the header's text, so that sizes, formats, structures and functions are written once,
and are known to the reference too, which needs no compiler. The library is compiled with a list of
what the compiler makes of each; `check` compares.
"""

import ctypes
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

HEADER = Path(__file__).parent / "native" / "abi.h"
NAMES, VALUES, SEPARATOR = "kernels_abi_names", "kernels_abi_values", "; "

_SCALARS: dict[str, Any] = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "float": ctypes.c_float,
    "void": None,
}
_NUMBER = re.compile(r"constexpr int (\w+) = (\d+);")
_VALUES = re.compile(r"constexpr (\w+) (\w+) = \{([\d, ]+)\};")
_LIST = re.compile(r"constexpr (\w+) (\w+)\[\] = \{([\w, ]+)\};")
_STRUCTURE = re.compile(r"struct (\w+) \{([^}]*)\};")
_FUNCTION = re.compile(r"([\w ]+?[ *]+)(\w+)\(([^)]*)\);")


class AbiError(RuntimeError):
    """The library's sizes aren't those that Python read."""


class Abi:
    """What a header says.

    Attributes:
        constants: numbers, by name.
        structures: ctypes' structures, by name.
        values: structures' values, by name, as mappings from field to number.
        lists: names of such values, in order, by the list's name.
        functions: result and arguments, by name, as ctypes has them.
    """

    def __init__(self, text: str) -> None:
        code = re.sub(r"//.*|^#.*", "", text, flags=re.M)
        self.constants = {name: int(number) for name, number in _NUMBER.findall(code)}
        self.structures: dict[str, type[ctypes.Structure]] = {}
        for name, body in _STRUCTURE.findall(code):
            fields = {"_fields_": tuple(self._fields(body))}
            self.structures[name] = type(name, (ctypes.Structure,), fields)
        self.values: dict[str, Mapping[str, int]] = {}
        for kind, name, numbers in _VALUES.findall(code):
            names = [field for field, *_ in self.structures[kind]._fields_]
            self.values[name] = dict(zip(names, map(int, numbers.split(",")), strict=True))
        self.lists = {
            name: tuple(each.strip() for each in names.split(","))
            for _, name, names in _LIST.findall(code)
        }
        self.functions = {
            name: (self._type(result), tuple(map(self._type, re.findall("[^,]+", arguments))))
            for result, name, arguments in _FUNCTION.findall(code)
        }

    def expressions(self) -> dict[str, int]:
        """C++ expressions for all that could differ, and what Python has for each."""
        found = dict(self.constants)
        for name, fields in self.values.items():
            found |= {f"{name}.{field}": number for field, number in fields.items()}
        for name, structure in self.structures.items():
            found[f"sizeof({name})"] = ctypes.sizeof(structure)
            for field, *_ in structure._fields_:
                found[f"offsetof({name}, {field})"] = getattr(structure, field).offset
        return found

    def exported(self) -> str:
        """C++ that lets the library tell the expressions, and what the compiler makes of them."""
        expressions = self.expressions()
        return (
            "#include <cstddef>\n"
            f'extern "C" const char* const {NAMES} = "{SEPARATOR.join(expressions)}";\n'
            f'extern "C" const long long {VALUES}[] = {{{", ".join(["0", *expressions])}}};\n'
        )

    def check(self, library: ctypes.CDLL) -> None:
        """Hold a library against the header.

        Raises:
            AbiError: it was compiled from another header, or structures are laid out otherwise.
        """
        there, here = _told(library), self.expressions()
        for expression in {**here, **there}:
            theirs, ours = there.get(expression), here.get(expression)
            if theirs != ours:
                raise AbiError(
                    f"{library._name}: {expression} is {theirs} there and {ours} in {HEADER.name}; "
                    "delete that file, and it is compiled anew"
                )

    def _fields(self, body: str) -> Iterator[tuple[str, Any]]:
        """Of a structure: `const float *a, *b; int64_t n; Part part[3];`."""
        for statement in filter(None, map(str.strip, body.split(";"))):
            kind, _, names = statement.removeprefix("const ").replace("*", " *").partition(" ")
            for name in names.split(","):
                yield self._field(kind, name)

    def _field(self, kind: str, name: str) -> tuple[str, Any]:
        bare, _, count = name.strip(" \n*]").partition("[")
        single = ctypes.c_void_p if "*" in name else {**_SCALARS, **self.structures}[kind]
        return bare, single * self.constants[count] if count else single

    @staticmethod
    def _type(text: str) -> Any:
        """Of a result or an argument."""
        text = text.strip()
        if text in ("Fault", "const char*"):
            return ctypes.c_char_p
        return ctypes.c_void_p if "*" in text else _SCALARS[text.split()[0]]


def _told(library: ctypes.CDLL) -> dict[str, int]:
    """Expressions and their values, as a library was compiled with them."""
    try:
        names = ctypes.c_char_p.in_dll(library, NAMES).value or b""
        expressions = names.decode().split(SEPARATOR)
        _, *values = (ctypes.c_longlong * (1 + len(expressions))).in_dll(library, VALUES)
    except ValueError as error:
        raise AbiError(f"{library._name} is no library of these kernels; delete it") from error
    return dict(zip(expressions, values, strict=True))


ABI = Abi(HEADER.read_text("utf-8"))
