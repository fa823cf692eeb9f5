"""The plugin as a folder, which Pulumi's language host for Python starts by its path."""

import subprocess
import sys

import grpc
import yaml
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2_grpc
from pulumi_rekey.frontend.version import package_version

from tools.engine.install import ROOT

FOLDER = ROOT / "plugin"


def test_plugin_folder_is_a_plugin_in_python() -> None:
    assert yaml.safe_load((FOLDER / "PulumiPlugin.yaml").read_text()) == {"runtime": "python"}
    # From the repository that it is in, and from no index.
    assert (FOLDER / "requirements.txt").read_text() == "..\n"


def test_plugin_folder_is_started_as_a_program() -> None:
    command = [sys.executable, str(FOLDER), "127.0.0.1:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with grpc.insecure_channel(f"127.0.0.1:{process.stdout.readline().strip()}") as channel:
                stub = provider_pb2_grpc.ResourceProviderStub(channel)
                assert stub.GetPluginInfo(empty_pb2.Empty()).version == package_version()
        finally:
            process.terminate()
