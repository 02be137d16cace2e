# Read by Spark's launcher. The JVM shares the process group of the Python driver: a SIGTERM sent to the group would end
# it in the middle of a micro-batch. It ignores the signal, the driver stops the query, and when the driver is gone the
# JVM sees its standard input close and ends by itself.
trap '' TERM
