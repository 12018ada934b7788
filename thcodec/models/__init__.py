"""Networks: what they are, where their weights lie, what they run on."""

import sys

# OpenVINO reports to its makers whenever it is imported and for each network it converts, where it
# finds this package. Nobody is told what is coded here.
sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
