"""The detector of credentials with the rules that are shipped."""

import tomllib

from firewall.classify.credentials.detector import Detector
from firewall.classify.credentials.rules import read_rules
from firewall.policy.defaults import shipped

DETECTOR = Detector(read_rules(tomllib.loads((shipped() / "credentials.toml").read_text("utf-8"))))
