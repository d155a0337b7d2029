"""Boots real hosts on one machine: systemd-nspawn on overlay roots over this machine's own root."""
