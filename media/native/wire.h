/* RTP packets on the wire (RFC 3550 section 5.1), and the addresses they come from. */
#ifndef MURIMA_WIRE_H
#define MURIMA_WIRE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define RTP_HEADER 12
#define PACKET_MAX 1500

typedef union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
} Address;

typedef struct {
    uint8_t payload_type;
    bool marker;
    uint16_t sequence;
    uint32_t timestamp;
    uint32_t ssrc;
    const uint8_t *payload;
    size_t length;
} RtpPacket;

/* Read one packet; false for anything that is not well-formed RTP. Points into `data`. */
bool rtp_parse(const uint8_t *data, size_t size, RtpPacket *packet);

/* Write the fixed header in front of a payload. */
void rtp_header(uint8_t *data, const RtpPacket *packet);

bool same_address(const Address *one, const Address *other);
socklen_t address_size(const Address *address);

static inline uint16_t wire_read_u16(const uint8_t *p)
{
    return (uint16_t)((unsigned)p[0] << 8 | p[1]);
}

static inline uint32_t wire_read_u32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void wire_write_u16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static inline void wire_write_u32(uint8_t *p, uint32_t value)
{
    p[0] = (uint8_t)(value >> 24);
    p[1] = (uint8_t)(value >> 16);
    p[2] = (uint8_t)(value >> 8);
    p[3] = (uint8_t)value;
}

#endif
