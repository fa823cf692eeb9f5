"""The dynamic provider: what Pulumi pickles into the state, and a thin adapter between its host and the answers.

A provider is pickled by name only (``pulumi_rekey.dynamic.host.app_secret``), so that its code is whatever version
is installed, and the name must keep working for ever. Importing this module loads neither pydantic nor httpx: the
user's program imports it too. The reconciler and the vendors' files are loaded by the first call in the host.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeVar

from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    ConfigureRequest,
    CreateResult,
    DiffResult,
    ReadResult,
    ResourceProvider,
    UpdateResult,
)

from ..frontend.exposures import exposures
from ..frontend.import_order import put_own_first
from ..frontend.scope import engine, replaced, scope
from .engine import (
    PROVIDER_KEY,
    EngineCall,
    current_call,
    fail_in_one_line,
    fail_partly,
    from_engine,
    is_host,
    is_wanted,
    log,
    more_workers,
    stored_inputs,
    to_engine,
)
from .lifetime import end_in_time

if TYPE_CHECKING:
    from ..errors import Error
    from ..frontend.answers import Answers, Call, Found
    from ..frontend.instance import Instance
    from ..frontend.values import Properties

Result = TypeVar("Result")


class Host:
    """What all providers of one host process share."""

    def __init__(self) -> None:
        self._warned = False

    @cached_property
    def instance(self) -> Instance:
        """What the front end keeps for this process; loaded at the first call of the engine."""
        from ..frontend.instance import Instance

        return Instance(
            wanted=is_wanted,
            warn=lambda text: log("WARNING", text, None),
            scope=scope,
            replaced=replaced,
            engine=engine,
            environment=os.environ,
        )

    def configure(self, get: Callable[[str], str | None]) -> None:
        """Take the stack's configuration; every provider of the host is handed the same."""
        # First, because calls are queued while the front end is loaded.
        more_workers()
        self.instance.configure(get)
        if is_host():
            end_in_time()
        # Every provider of the host is configured, and one warning is enough.
        if not self._warned:
            self._warned = True
            for text in exposures(os.environ):
                log("WARNING", text, None)


#: Files of the user's that are loaded in this host as modules that rekey needs.
_STAND_INS: Final = put_own_first() if is_host() else []
_HOST: Final = Host()


class Provider(ResourceProvider):
    """One resource's answers to the engine."""

    #: Only a name is pickled, so there is nothing to encrypt.
    serialize_as_secret_always = False

    def __init__(self, module: str) -> None:
        super().__init__()
        self.module = module

    def __reduce__(self) -> str:
        """Pickle as the name of an attribute of this module."""
        return self.module

    @cached_property
    def answers(self) -> Answers:
        """The resource's answers, whose models and verbs are loaded now."""
        from .. import resources
        from ..frontend.answers import Answers

        return Answers(resources.load(self.module), _HOST.instance)

    def configure(self, req: ConfigureRequest) -> None:
        """Take the stack's configuration."""
        _HOST.configure(req.config.get)

    def check(self, _olds: Properties, news: Properties) -> CheckResult:
        """Validate what is known of the inputs, naming each property that is wrong."""

        def answer(call: Call) -> CheckResult:
            checked = self.answers.check(call, _without_provider(_olds), _without_provider(news))
            failures = [CheckFailure(path, reason) for path, reason in checked.failures]
            return CheckResult(to_engine(checked.inputs), failures)

        return self._answer(answer, news)

    def diff(self, _id: str, _olds: Properties, _news: Properties) -> DiffResult:
        """Tell what would change, and say under the resource why its credential rotates."""

        def answer(call: Call) -> DiffResult:
            found = self.answers.diff(call, _id, _without_provider(_olds), _without_provider(_news))
            # What was the native plugin's has no provider in its outputs, by which the engine finds who deletes it.
            moved = PROVIDER_KEY not in _olds
            return DiffResult(changes=found.changes or moved, replaces=found.replaces)

        return self._answer(answer, _news)

    def create(self, props: Properties) -> CreateResult:
        """Create or adopt the object."""

        def created(found: Found) -> CreateResult:
            return CreateResult(found.id, to_engine(found.outputs))

        return self._answer(lambda call: created(self.answers.create(call, _without_provider(props))), props, created)

    def update(self, _id: str, _olds: Properties, _news: Properties) -> UpdateResult:
        """Bring the object and its secret to what is wanted."""

        def updated(found: Found) -> UpdateResult:
            return UpdateResult(to_engine(found.outputs))

        def answer(call: Call) -> UpdateResult:
            return updated(self.answers.update(call, _id, _without_provider(_olds), _without_provider(_news)))

        return self._answer(answer, _news, updated)

    def read(self, id_: str, props: Properties) -> ReadResult:
        """Return the object as the vendor has it, or nothing if it is gone."""

        def read(found: Found | None) -> ReadResult:
            if found is None:
                return ReadResult("", {})
            return ReadResult(found.id, to_engine(found.outputs), found.inputs and to_engine(found.inputs))

        return self._answer(lambda call: read(self.answers.read(call, id_, _without_provider(props))), props, read)

    def delete(self, _id: str, _props: Properties) -> None:
        """End what rekey made."""
        return self._answer(lambda call: self.answers.delete(call, _without_provider(_props)), _props)

    def _answer(
        self,
        work: Callable[[Call], Result],
        props: Properties,
        half_done: Callable[[Found], Result] | None = None,
    ) -> Result:
        """Do the work of one of the engine's calls; an expected error reaches it as one line."""
        from ..errors import Error

        engine_call = current_call()
        if _STAND_INS:
            _refuse_stand_ins(engine_call)
        from ..frontend.answers import Call, HalfDone

        def remark(severity: Any, text: str) -> None:
            # `--diff` shows the text alone, without the resource that it is about.
            log(severity, text if engine_call.name is None else f"{engine_call.name}: {text}", engine_call.urn)

        try:
            return work(Call(engine_call.urn, stored_inputs(engine_call), remark))
        except HalfDone as failed:
            if engine_call.context is None and half_done is not None:
                # The engine cannot be told of a partial failure: saving what was reached comes first, and what is
                # not done yet shows as a change in the next run.
                remark("WARNING", str(failed))
                return half_done(failed.found)
            _fail_partly(engine_call, failed, {PROVIDER_KEY: props[PROVIDER_KEY]})
            _raise(failed)
        except Error as failed:
            fail_in_one_line(engine_call, str(failed))
            _raise(failed)


def _fail_partly(call: EngineCall, failed: Any, provider: Properties) -> None:
    found: Found = failed.found
    inputs = None if found.inputs is None else to_engine(found.inputs) | provider
    fail_partly(call, str(failed), found.id, to_engine(found.outputs) | provider, inputs)


def _refuse_stand_ins(call: EngineCall) -> NoReturn:
    from ..errors import Stopped

    failed = Stopped(
        f"Rekey needs modules in whose place files of this project are loaded ({', '.join(_STAND_INS)})",
        todo="rename each to what is no module of Python's and no installed one",
    )
    failed.aftermath = "nothing was changed"
    fail_in_one_line(call, str(failed))
    _raise(failed)


def _raise(failed: Error) -> NoReturn:
    # Without its chain: where the one line could not be sent, the host prints the traceback of this.
    raise failed from None


def _without_provider(props: Properties) -> Properties:
    return {name: from_engine(value) for name, value in props.items() if name != PROVIDER_KEY}


_PROVIDERS: dict[str, Provider] = {}


def __getattr__(name: str) -> Provider:
    """Return the provider of a resource's module; this is what a pickled provider names."""
    if name.startswith("_") or not name.isidentifier():
        raise AttributeError(name)
    provider = _PROVIDERS.get(name)
    if provider is None:
        provider = _PROVIDERS.setdefault(name, Provider(name))
    return provider
