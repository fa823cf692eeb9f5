"""Lists in pages, filtered with FIQL and sorted, as the API's overview describes them.

https://developer.vmware.com/apis/vmware-cloud-director/latest/
"""

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote, urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse

from ..wire import Malformed, whole_number

Predicate = Callable[[Mapping[str, Any]], bool]

_DEFAULT_SIZE = 25
_LARGEST_SIZE = 128


def page(
    request: Request,
    base_url: str,
    values: list[dict[str, Any]],
    names: tuple[str, ...] = (),
    non_sortable: tuple[str, ...] = ("id",),
) -> JSONResponse:
    """The page that the query asks for: `page` from 1 (default 1), `pageSize` 0 to 128 (default 25).

    Filters and sorts know the string fields `names`; the pages call some of them NonSortable. Link headers name the
    neighbours.
    """
    number = whole_number(request, "page", 1, 1)
    size = whole_number(request, "pageSize", _DEFAULT_SIZE, 0, _LARGEST_SIZE)
    if "filter" in request.query_params:
        matches = fiql(request.query_params["filter"], names)
        values = [value for value in values if matches(value)]
    for parameter in ("sortAsc", "sortDesc"):
        if field := request.query_params.get(parameter):
            if field not in names or field in non_sortable:
                raise Malformed(f"{parameter} names a field that cannot be sorted by")
            values = sorted(values, key=lambda value: str(value[field] or ""), reverse=parameter == "sortDesc")
    count = -(-len(values) // size) if size else 0
    body = {
        "resultTotal": len(values),
        "pageCount": count,
        "page": number,
        "pageSize": size,
        "associations": None,
        "values": values[(number - 1) * size : number * size],
    }
    response = JSONResponse(body)
    for rel, target in (
        ("firstPage", 1),
        ("previousPage", number - 1),
        ("nextPage", number + 1),
        ("lastPage", count),
    ):
        if 1 <= target <= count:
            query = urlencode({**request.query_params, "page": target, "pageSize": size})
            link = f'<{base_url}{request.url.path}?{query}>;rel="{rel}";type="application/json"'
            response.headers.append("Link", link)
    return response


def fiql(expression: str, names: tuple[str, ...]) -> Predicate:
    """What a FIQL expression says of an entity: == and != (* is a wildcard), `;` and, `,` or, parentheses.

    Values are percent-encoded, since the signs of the language would end them. Raises Malformed.
    """
    tokens = [token for token in re.split(r"([();,])", expression) if token]

    def operators(sign: str, operand: Callable[[], Predicate], combine: Callable[[list[bool]], bool]) -> Predicate:
        terms = [operand()]
        while tokens[:1] == [sign]:
            tokens.pop(0)
            terms.append(operand())
        return lambda entity: combine([term(entity) for term in terms])

    def alternatives() -> Predicate:
        return operators(",", conjunction, any)

    def conjunction() -> Predicate:
        return operators(";", comparison, all)

    def comparison() -> Predicate:
        term = tokens.pop(0) if tokens else ""
        if term == "(":
            inner = alternatives()
            if tokens[:1] != [")"]:
                raise Malformed("the filter lacks a closing parenthesis")
            tokens.pop(0)
            return inner
        written = re.fullmatch(r"(\w+)(==|!=)(.*)", term)
        if not written or written[1] not in names:
            raise Malformed("the filter is not FIQL over the fields of this entity")
        field, equal = written[1], written[2] == "=="
        pattern = "*".join(re.sub(r"([*?[])", r"[\1]", unquote(literal)) for literal in written[3].split("*"))
        return lambda entity: fnmatchcase(entity[field] or "", pattern) is equal

    predicate = alternatives()
    if tokens:
        raise Malformed("the filter goes on after its end")
    return predicate
