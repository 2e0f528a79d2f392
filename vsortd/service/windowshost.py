"""The name by which services that are installed already start `windows_service`."""

import runpy

if __name__ == "__main__":
    runpy.run_module("vsortd.service.windows_service", run_name="__main__")
