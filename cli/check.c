/* bailey check: can this host run sandboxes? */
#include "commands.h"
#include "complain.h"
#include "monitor/monitor.h"

#include <stdio.h>

int command_check(int argc, char **argv)
{
    if (argc > 1)
        return complain(argv[1], "bailey check", "check takes no arguments");
    int code = monitor_check(stdout);
    return fflush(stdout) == 0 ? code : CLI_FAILED;
}
