"""Tasks: the other way in which the API may answer a change, 202 and a Location to ask for how it went.

"Asynchronous operations" in https://developer.vmware.com/apis/vmware-cloud-director/latest/
"""

import json
import uuid
from datetime import datetime
from xml.etree import ElementTree as ET

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..world import World
from .cloudapi import VCLOUD, Form, Handler, forbidden, xml


class Tasks:
    """The changes that were answered with a task."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._tasks: dict[str, tuple[str | None, datetime]] = {}

    def answering(self, handler: Handler, *, mints: bool) -> Handler:
        """The handler of a change, which answers with a task where the dialect says so.

        A task names its owner and no more, so a secret that an operation `mints` is then nobody's to read.
        """

        async def handle(request: Request) -> Response:
            answer = await handler(request)
            changes = self._world.switch("vcd.changes")
            if changes in {"answered", "tasks" if mints else "mints"}:
                return answer
            owner = json.loads(bytes(answer.body)).get("id") if answer.body else request.path_params.get("id")
            identity = str(uuid.uuid4())
            self._tasks[identity] = (owner, self._world.now())
            return Response(status_code=202, headers={"Location": f"{self._world.base_url}/api/task/{identity}"})

        return handle

    async def show(self, request: Request) -> Response:
        """GET /api/task/{id}; here a change is done before it is answered."""
        identity = request.path_params["id"]
        if identity not in self._tasks:
            raise forbidden()
        owner, ended = self._tasks[identity]
        form: Form = request.state.form
        media_type = f"application/vnd.vmware.vcloud.task+{form}"
        task = {
            "id": f"urn:vcloud:task:{identity}",
            "href": f"{self._world.base_url}/api/task/{identity}",
            "type": media_type,
            "status": "success",
            "endTime": ended.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        if form == "json":
            return JSONResponse(task | {"owner": {"id": owner} if owner else None}, media_type=media_type)
        root = ET.Element("Task", {"xmlns": VCLOUD, **task})
        if owner:
            ET.SubElement(root, "Owner", {"id": owner})
        return xml(root, media_type)
