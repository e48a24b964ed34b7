/* RTP headers, well-formed and not. */
#include "check.h"
#include "wire.h"

static void rtp_header_comes_back(void)
{
    uint8_t data[RTP_HEADER + 4] = {0};
    const RtpPacket out = {.payload_type = 101, .marker = true, .sequence = 65535,
                           .timestamp = 0xFFFFFFF0u, .ssrc = 0xDEADBEEFu};
    RtpPacket in;
    rtp_header(data, &out);
    CHECK(rtp_parse(data, sizeof data, &in));
    CHECK(in.payload_type == 101 && in.marker && in.sequence == 65535);
    CHECK(in.timestamp == 0xFFFFFFF0u && in.ssrc == 0xDEADBEEFu && in.length == 4);
}

static void malformed_rtp_is_refused(void)
{
    RtpPacket packet;
    uint8_t data[64] = {0x80};
    CHECK(!rtp_parse(data, 11, &packet));
    data[0] = 0x40;
    CHECK(!rtp_parse(data, 20, &packet)); /* version 1 */
    data[0] = 0x8F;
    CHECK(!rtp_parse(data, 20, &packet)); /* 15 sources do not fit */
    data[0] = 0x90;
    data[14] = 0xFF;
    CHECK(!rtp_parse(data, 20, &packet)); /* the extension is longer than the packet */
    data[0] = 0xA0;
    data[19] = 200;
    CHECK(!rtp_parse(data, 20, &packet)); /* more padding than payload */
    data[19] = 0;
    CHECK(!rtp_parse(data, 20, &packet));
    data[19] = 8;
    CHECK(rtp_parse(data, 20, &packet) && packet.length == 0);
}

static void rtp_of_noise_lies_within_it(void)
{
    for (int round = 0; round < 200000; round++) {
        const size_t size = chance(80);
        uint8_t *data = noise(size);
        if (size && chance(4))
            data[0] = (uint8_t)(0x80 | (data[0] & 0x3F));
        RtpPacket packet;
        if (rtp_parse(data, size, &packet))
            CHECK(packet.payload >= data && packet.payload + packet.length <= data + size);
        free(data);
    }
}

int main(void)
{
    rtp_header_comes_back();
    malformed_rtp_is_refused();
    rtp_of_noise_lies_within_it();
    return failures ? 1 : 0;
}
