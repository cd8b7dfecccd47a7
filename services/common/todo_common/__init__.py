"""The parts that all Python services share: settings, log lines, requests, and the process."""
