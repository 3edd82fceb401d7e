/* Fills a disk: disk_app PATH [deleted]. Writes up to 1 GiB to PATH, 1 MiB every 2 ms, and
   waits then; "deleted": the file has no name while it grows. */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static char block[1 << 20];

int main(int argc, char **argv) {
    memset(block, 'x', sizeof block);
    int file = open(argv[1], O_WRONLY | O_CREAT, 0644);
    if (file < 0) return 2;
    if (argc > 2) unlink(argv[1]);
    for (int i = 0; i < 1024; i++) {
        if (write(file, block, sizeof block) < 0) return 3;
        usleep(2000);
    }
    pause();
}
