//! What the machine is: OS, CPU, RAM, disk, cgroups, capabilities, ports, distribution.
