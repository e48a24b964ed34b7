#include "wire.h"

#include <string.h>

bool rtp_parse(const uint8_t *data, size_t size, RtpPacket *packet)
{
    if (size < RTP_HEADER || size > PACKET_MAX || data[0] >> 6 != 2)
        return false;
    size_t start = RTP_HEADER + 4u * (data[0] & 0x0F);
    if (start > size)
        return false;
    if (data[0] & 0x10) { /* header extension: its length counts 32-bit words */
        if (start + 4 > size)
            return false;
        start += 4 + 4u * wire_read_u16(data + start + 2);
        if (start > size)
            return false;
    }
    size_t end = size;
    if (data[0] & 0x20) { /* padding: the last byte says how much */
        const size_t padding = data[size - 1];
        if (padding == 0 || padding > size - start)
            return false;
        end -= padding;
    }
    packet->marker = data[1] >> 7;
    packet->payload_type = data[1] & 0x7F;
    packet->sequence = wire_read_u16(data + 2);
    packet->timestamp = wire_read_u32(data + 4);
    packet->ssrc = wire_read_u32(data + 8);
    packet->payload = data + start;
    packet->length = end - start;
    return true;
}

void rtp_header(uint8_t *data, const RtpPacket *packet)
{
    data[0] = 0x80;
    data[1] = (uint8_t)((packet->marker ? 0x80 : 0) | packet->payload_type);
    wire_write_u16(data + 2, packet->sequence);
    wire_write_u32(data + 4, packet->timestamp);
    wire_write_u32(data + 8, packet->ssrc);
}

bool same_address(const Address *one, const Address *other)
{
    if (one->any.sa_family != other->any.sa_family)
        return false;
    if (one->any.sa_family == AF_INET)
        return one->v4.sin_port == other->v4.sin_port &&
               one->v4.sin_addr.s_addr == other->v4.sin_addr.s_addr;
    return one->v6.sin6_port == other->v6.sin6_port &&
           memcmp(&one->v6.sin6_addr, &other->v6.sin6_addr, sizeof one->v6.sin6_addr) == 0;
}

socklen_t address_size(const Address *address)
{
    return address->any.sa_family == AF_INET ? sizeof address->v4 : sizeof address->v6;
}
