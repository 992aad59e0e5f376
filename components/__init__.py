"""The Pulumi program's parts; each of its processes, the providers' too, imports this package."""

import atexit
import gc

from components import interrupt as interrupt

# Pulumi and gRPC have made a hundred thousand objects that stay. An interpreter looks through them
# for what could be freed while it imports what comes next, 25 ms in each process, and again when it
# ends: 0.2 s and more, for which `pulumi up` waits twice.
gc.freeze()
atexit.register(gc.freeze)
