/* A socket of this machine that hears what a leg sends, and sends to it. */
#ifndef MURIMA_PEER_H
#define MURIMA_PEER_H

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

#include "wire.h"

typedef struct {
    int socket;
    Address address;
} Peer;

static Peer peer_open(void)
{
    Peer peer = {.socket = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)};
    socklen_t size = sizeof peer.address;
    const int yes = 1;
    setsockopt(peer.socket, SOL_SOCKET, SO_TIMESTAMPNS, &yes, sizeof yes); /* as ours have it */
    peer.address.v4 = (struct sockaddr_in){.sin_family = AF_INET,
                                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(peer.socket, &peer.address.any, sizeof peer.address.v4) != 0 ||
        getsockname(peer.socket, &peer.address.any, &size) != 0)
        abort();
    return peer;
}

#endif
