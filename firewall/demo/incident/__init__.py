"""The play behind `stayhand demo`: the nine-second incident, first without, then with the firewall."""
