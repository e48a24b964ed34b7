#include "rtcp.h"

#include <string.h>

#include "wire.h"

enum { SENDER_REPORT = 200, RECEIVER_REPORT = 201, DESCRIPTION = 202 };

static const char NAME[] = "murima";
#define NAME_LENGTH (sizeof NAME - 1)
#define CNAME 1
#define BLOCK 24
#define LOST_MOST 0x7FFFFF
#define LOST_LEAST (-0x800000)

uint8_t rtcp_fraction(uint32_t expected, uint32_t received)
{
    if (expected <= received)
        return 0;
    const uint64_t share = (uint64_t)(expected - received) * 256 / expected;
    return (uint8_t)(share > 255 ? 255 : share);
}

int32_t rtcp_cumulative(uint32_t expected, uint32_t received)
{
    const int64_t lost = (int64_t)expected - received;
    return (int32_t)(lost > LOST_MOST ? LOST_MOST : lost < LOST_LEAST ? LOST_LEAST : lost);
}

static size_t block(uint8_t *p, const Report *report)
{
    wire_write_u32(p, report->remote_ssrc);
    wire_write_u32(p + 4, (uint32_t)report->cumulative_lost & 0xFFFFFF);
    p[4] = report->fraction_lost;
    wire_write_u32(p + 8, report->highest_sequence);
    wire_write_u32(p + 12, report->jitter);
    wire_write_u32(p + 16, report->last_sr);
    wire_write_u32(p + 20, report->delay_since_last_sr);
    return BLOCK;
}

size_t rtcp_write(uint8_t *data, const Report *report)
{
    uint8_t *p = data + 8;
    if (report->sending) {
        wire_write_u32(p, (uint32_t)(report->ntp >> 32));
        wire_write_u32(p + 4, (uint32_t)report->ntp);
        wire_write_u32(p + 8, report->timestamp);
        wire_write_u32(p + 12, report->packets_sent);
        wire_write_u32(p + 16, report->octets_sent);
        p += 20;
    }
    if (report->receiving)
        p += block(p, report);
    data[0] = (uint8_t)(0x80 | (report->receiving ? 1 : 0));
    data[1] = report->sending ? SENDER_REPORT : RECEIVER_REPORT;
    wire_write_u16(data + 2, (uint16_t)((p - data) / 4 - 1));
    wire_write_u32(data + 4, report->ssrc);
    uint8_t *start = p;
    p[0] = 0x81;
    p[1] = DESCRIPTION;
    wire_write_u32(p + 4, report->ssrc);
    p[8] = CNAME;
    p[9] = NAME_LENGTH;
    memcpy(p + 10, NAME, NAME_LENGTH);
    p += 10 + NAME_LENGTH;
    do /* at least one zero ends the items, more fill up the word */
        *p++ = 0;
    while ((p - start) % 4);
    wire_write_u16(start + 2, (uint16_t)((p - start) / 4 - 1));
    return (size_t)(p - data);
}

static void read_blocks(const uint8_t *p, const uint8_t *end, unsigned count, uint32_t ssrc,
                        RemoteReport *remote)
{
    for (; count > 0 && end - p >= BLOCK; count--, p += BLOCK) {
        if (wire_read_u32(p) != ssrc)
            continue;
        remote->has_block = true;
        remote->fraction_lost = p[4];
        remote->jitter = wire_read_u32(p + 12);
        remote->last_sr = wire_read_u32(p + 16);
        remote->delay_since_last_sr = wire_read_u32(p + 20);
    }
}

bool rtcp_parse(const uint8_t *data, size_t size, uint32_t ssrc, RemoteReport *remote)
{
    memset(remote, 0, sizeof *remote);
    if (size < 8 || data[0] >> 6 != 2 || data[1] < SENDER_REPORT || data[1] > RECEIVER_REPORT)
        return false;
    const uint8_t *p = data, *end = data + size;
    while (end - p >= 8) {
        const size_t length = 4u * (wire_read_u16(p + 2) + 1u);
        if (p[0] >> 6 != 2 || length > (size_t)(end - p))
            return false;
        const unsigned count = p[0] & 0x1F;
        if (p[1] == SENDER_REPORT && length >= 28) {
            remote->has_sr = true;
            remote->sr_middle = (uint32_t)wire_read_u16(p + 10) << 16 | wire_read_u16(p + 12);
            read_blocks(p + 28, p + length, count, ssrc, remote);
        } else if (p[1] == RECEIVER_REPORT && length >= 8) {
            read_blocks(p + 8, p + length, count, ssrc, remote);
        }
        p += length;
    }
    return true;
}
