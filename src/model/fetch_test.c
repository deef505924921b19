// Fetching from a small server of our own: the file, a redirect within the host and away from it,
// errors.

#include "model/fetch.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/thread.h"

static int port;

static void answer(int client)
{
    char request[2048] = "", reply[512];
    ssize_t n = read(client, request, sizeof(request) - 1);
    om_assert(n > 0);
    if (strncmp(request, "GET /file", 9) == 0)
        snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
    else if (strncmp(request, "GET /here", 9) == 0)
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 302 Found\r\nLocation: /file\r\nContent-Length: 4\r\n\r\nmove");
    else if (strncmp(request, "GET /away", 9) == 0)
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 302 Found\r\nLocation: http://localhost:%d/file\r\n"
                 "Content-Length: 0\r\n\r\n",
                 port);
    else if (strncmp(request, "GET /round", 10) == 0)
        snprintf(reply, sizeof(reply),
                 "HTTP/1.1 302 Found\r\nLocation: /round\r\nContent-Length: 0\r\n\r\n");
    else if (strncmp(request, "GET /large", 10) == 0)
        snprintf(reply, sizeof(reply), "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n");
    else
        snprintf(reply, sizeof(reply), "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    om_assert(write(client, reply, strlen(reply)) == (ssize_t)strlen(reply));
    // The answer is complete for the client once both sides are done.
    shutdown(client, SHUT_WR);
    while (read(client, request, sizeof(request)) > 0)
        ;
    close(client);
}

static void serve(void *ctx)
{
    int listener = *(int *)ctx;
    for (int client; (client = accept(listener, NULL, NULL)) >= 0;)
        answer(client);
}

static bool fetch(const char *path, const char *to, struct om_error *err)
{
    char url[128];
    snprintf(url, sizeof(url), "http://127.0.0.1:%d%s", port, path);
    return om_fetch(url, to, NULL, NULL, err);
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof(address);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    struct om_thread thread = {.is_running = false};
    char folder[] = "/tmp/omma-fetch-XXXXXX", to[64];
    struct om_error err = {0};
    om_auto_free char *text = NULL;
    size_t n = 0;

    om_assert(bind(listener, (struct sockaddr *)&address, size) == 0 && listen(listener, 8) == 0);
    om_assert(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    port = ntohs(address.sin_port);
    om_assert(om_thread_start(&thread, "server", 0, serve, &listener));
    om_assert(mkdtemp(folder));
    snprintf(to, sizeof(to), "%s/got", folder);

    om_assert(fetch("/file", to, &err));
    om_assert(om_file_read(to, 100, &text, &n, &err) && n == 5 && memcmp(text, "hello", 5) == 0);
    om_assert(!fetch("/file", to, &err) && err.status == OM_EXISTS);  // never over a file
    unlink(to);
    om_free(om_steal(&text));
    om_assert(fetch("/here", to, &err));
    om_assert(om_file_read(to, 100, &text, &n, &err) && n == 5 && memcmp(text, "hello", 5) == 0);
    unlink(to);

    static const struct {
        const char *path;
        enum om_status status;
    } refused[] = {
        {"/away", OM_REFUSED}, {"/round", OM_LIMIT}, {"/large", OM_LIMIT}, {"/none", OM_NOT_FOUND}};
    for (size_t i = 0; i < OM_ARRAY_LEN(refused); i++) {
        om_assert(!fetch(refused[i].path, to, &err));
        om_assert(err.status == refused[i].status && !om_file_exists(to));
    }
    om_assert(!om_fetch("http://10.0.0.1/x", to, NULL, NULL, &err) && err.status == OM_REFUSED);
    om_assert(!om_fetch("ftp://127.0.0.1/x", to, NULL, NULL, &err) && err.status == OM_REFUSED);
    om_assert(!om_fetch("https:///x", to, NULL, NULL, &err) && err.status == OM_INVALID);
    om_assert(om_fetch_is_url("https://a/b") && !om_fetch_is_url("a/b.onnx"));

    shutdown(listener, SHUT_RDWR);
    om_thread_join(&thread);
    close(listener);
    rmdir(folder);
    return 0;
}
