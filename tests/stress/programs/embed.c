/* embed.c: a program that starts and ends Python repeatedly.
 *
 * usage: embed TIMES SCRIPT       runs SCRIPT each time; `cycle` in __main__ counts from 0
 */
#include <Python.h>

static void run(int cycle, const char *script) {
    FILE *file = fopen(script, "r");
    if (!file) exit(2);
    Py_Initialize();
    PyObject *main_module = PyImport_AddModule("__main__");
    if (!main_module || PyModule_AddIntConstant(main_module, "cycle", cycle) != 0) exit(3);
    if (PyRun_SimpleFileExFlags(file, script, 1, NULL) != 0) exit(4);
    if (Py_FinalizeEx() != 0) exit(5);
    for (int i = 0; i < 1000; i++) free(malloc((size_t)i)); /* between two interpreters */
}

int main(int argc, char **argv) {
    if (argc != 3) return 1;
    for (int cycle = 0; cycle < atoi(argv[1]); cycle++) run(cycle, argv[2]);
    puts("good");
    return 0;
}
