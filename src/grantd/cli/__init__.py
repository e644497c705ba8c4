"""The command line.

``commands`` holds what ``--help`` needs and nothing heavier; each command loads its work when it runs. Results go to
standard output, everything else to standard error. Exit codes: 0 done, 1 failed or errors were found, 2 the command
line or the settings are wrong.
"""
