/* Fills a disk: disk_app PATH [deleted|mapped]. Writes up to 1 GiB to PATH, 1 MiB every 2 ms,
   and waits then; "deleted": the file has no name while it grows; "mapped": nor is it open. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char block[1 << 20];

int main(int argc, char **argv) {
    memset(block, 'x', sizeof block);
    int file = open(argv[1], O_RDWR | O_CREAT, 0644);
    if (file < 0) return 2;
    if (argc > 2) unlink(argv[1]);
    if (argc > 2 && !strcmp(argv[2], "mapped")) {
        if (fallocate(file, 0, 0, 1 << 30)) return 4;
        if (mmap(0, 1 << 30, PROT_READ, MAP_SHARED, file, 0) == MAP_FAILED) return 5;
        close(file);
        pause();
    }
    for (int i = 0; i < 1024; i++) {
        if (write(file, block, sizeof block) < 0) return 3;
        usleep(2000);
    }
    pause();
}
