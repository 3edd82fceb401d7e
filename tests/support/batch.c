/* A batch program: `batch MEBIBYTES BYTES STATUS [SECONDS]` touches memory, writes bytes of
   every value to stdout and a line to stderr, sleeps, and exits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    size_t size = argc > 1 ? (size_t)atol(argv[1]) << 20 : 0;
    long bytes = argc > 2 ? atol(argv[2]) : 0;
    char *area = malloc(size + 1);
    memset(area, 1, size + 1);
    for (long i = 0; i < bytes; i++)
        putchar((int)(i & 255));
    fprintf(stderr, "did %d arguments\n", argc - 1);
    fflush(stdout);
    if (argc > 4)
        sleep((unsigned)atoi(argv[4]));
    return argc > 3 ? atoi(argv[3]) : area[0] - 1;
}
