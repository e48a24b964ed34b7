# cython: language_level=3
"""The thin layer between media.engine and the C engine: objects by number, orders, events."""

import socket

import numpy as np

from libc.stdint cimport int8_t, int16_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy, memset


cdef extern from "<netinet/in.h>" nogil:
    ctypedef struct in_addr:
        uint32_t s_addr
    ctypedef struct sockaddr_in:
        uint16_t sin_family
        uint16_t sin_port
        in_addr sin_addr
    ctypedef struct in6_addr:
        uint8_t s6_addr[16]
    ctypedef struct sockaddr_in6:
        uint16_t sin6_family
        uint16_t sin6_port
        in6_addr sin6_addr
    int AF_INET
    int AF_INET6
    uint16_t htons(uint16_t)
    uint16_t ntohs(uint16_t)


cdef extern from "engine.h" nogil:
    ctypedef struct sockaddr:
        uint16_t sa_family

    ctypedef union Address:
        sockaddr any
        sockaddr_in v4
        sockaddr_in6 v6

    ctypedef enum SrtpProfile:
        pass

    ctypedef struct Srtp:
        pass

    size_t srtp_master_size(SrtpProfile profile)
    Srtp *srtp_new(SrtpProfile profile, const uint8_t *master, bint outbound)
    void srtp_free(Srtp *srtp)

    ctypedef struct Datagram:
        Address source
        uint16_t size
        uint8_t data[1500]

    ctypedef enum CodecKind:
        CODEC_OPUS

    ctypedef struct Wide:
        pass

    ctypedef struct Stream:
        Address remote
        bint has_remote
        uint8_t flow
        uint8_t send_type
        CodecKind send_codec
        int8_t codec_of[128]
        int16_t digit_send_type
        int16_t digit_receive_type
        uint32_t digit_clock
        uint16_t packet_samples

    ctypedef struct Figures:
        uint64_t received
        uint64_t sent
        uint64_t lost
        uint64_t late
        uint64_t refused
        uint64_t concealed
        uint64_t jitter_us
        uint64_t round_trip_us
        uint64_t delay_us
        uint64_t remote_lost_permille
        uint64_t latched
        uint64_t silent_ms

    ctypedef struct Leg:
        uint64_t id
        Figures figures

    ctypedef struct Bridge:
        pass

    ctypedef struct Recording:
        pass

    ctypedef struct SampleRing:
        uint64_t lost

    ctypedef struct Shard:
        uint64_t overruns
        uint64_t skipped
        uint64_t ticks
        uint32_t tick_us[256]
        uint32_t late_us[256]

    ctypedef struct Engine:
        uint32_t shard_count
        Shard *shards
        int wake

    ctypedef struct Event:
        uint32_t kind
        uint64_t id
        int64_t a
        int64_t b
        void *object

    int EVENT_CLOSED
    int EVENT_BRIDGE_CLOSED
    int EVENT_TAP_CLOSED
    int EVENT_RECORDED

    Engine *engine_open(uint32_t shards, uint32_t most_legs, uint64_t least_free)
    void engine_stop(Engine *engine)
    void engine_free(Engine *engine)
    bint engine_event(Engine *engine, Event *event)
    Leg *leg_new(uint64_t id, int rtp, int rtcp, uint32_t timeout_ms, uint64_t seed)
    void leg_free(Leg *leg)
    bint leg_make_secure(Leg *leg)
    bint leg_datagram(Leg *leg, Datagram *datagram)
    Bridge *bridge_new(uint64_t id)
    Recording *recording_new(uint64_t id, int fd, uint32_t channels)
    void recording_free(Recording *recording)
    SampleRing *tap_new(uint32_t samples)
    void tap_free(SampleRing *tap)
    bint order_add_leg(Shard *shard, Leg *leg, uint8_t phase)
    bint order_stream(Leg *leg, const Stream *stream)
    Wide *wide_new()
    void wide_free(Wide *wide)
    bint order_wide(Leg *leg, Wide *wide)
    bint order_remove_leg(Leg *leg)
    bint order_keys(Leg *leg, Srtp *inbound, Srtp *outbound)
    bint order_peer(Leg *leg, const Address *peer)
    bint order_play(Leg *leg, const int16_t *samples, uint64_t count, uint64_t id, bint loop)
    bint order_stop_playing(Leg *leg)
    bint order_digit(Leg *leg, uint8_t event, uint16_t tone, uint16_t gap)
    bint order_tap(Leg *leg, SampleRing *tap)
    bint order_add_bridge(Shard *shard, Bridge *bridge, uint8_t phase)
    bint order_join(Bridge *bridge, Leg *leg, bint silent)
    bint order_part(Bridge *bridge, Leg *leg)
    bint order_gain(Bridge *bridge, Leg *listener, Leg *source, int16_t gain)
    bint order_remove_bridge(Bridge *bridge)
    bint order_record(Engine *engine, Shard *shard, Recording *recording, uint8_t phase,
                      Leg *left, Leg *right)
    bint order_hear(Shard *shard, uint64_t id, Leg *leg, uint8_t side, bint heard)
    bint order_pause(Shard *shard, uint64_t id, bint paused)
    bint order_stop_recording(Shard *shard, uint64_t id)
    uint32_t samples_peek(SampleRing *ring, const int16_t **samples, uint32_t most)
    void samples_release(SampleRing *ring, uint32_t count)


cdef extern from "<stdlib.h>" nogil:
    void free(void *)


class OrdersFull(Exception):
    """The media thread does not keep up with what it is told."""


cdef class NativeLeg:
    """A leg of the C engine. Its figures may be read until its `closed` event has come; orders end
    with the one that removes it: a later one could be obeyed when the leg has been freed."""
    cdef Leg *leg
    cdef readonly int shard
    cdef readonly int phase
    cdef readonly bint is_open
    cdef readonly bint is_secure
    cdef bint is_leaving
    cdef bint has_wide

    cdef Leg *use(self) except NULL:
        if self.is_leaving:
            raise ValueError("the leg is closing")
        return self.read()

    cdef Leg *read(self) except NULL:
        if not self.is_open:
            raise ValueError("the leg is closed")
        return self.leg

    def figures(self):
        """(received, sent, lost, late, refused, concealed, jitter us, round trip us, delay us,
        remote loss permille, latched)."""
        cdef Figures *f = &self.read().figures
        return (f.received, f.sent, f.lost, f.late, f.refused, f.concealed, f.jitter_us,
                f.round_trip_us, f.delay_us, f.remote_lost_permille, f.latched)


cdef class NativeBridge:
    cdef Bridge *bridge
    cdef readonly int shard
    cdef readonly int phase
    cdef readonly bint is_open
    cdef bint is_leaving

    cdef Bridge *use(self) except NULL:
        if not self.is_open or self.is_leaving:
            raise ValueError("the bridge is closed")
        return self.bridge


cdef class NativeTap:
    cdef SampleRing *ring

    @property
    def lost(self):
        return self.ring.lost if self.ring != NULL else 0

    def read(self):
        """Everything heard since the last read, as int16 arrays."""
        cdef const int16_t *samples
        cdef uint32_t count
        cdef int16_t[::1] view
        found = []
        while self.ring != NULL:
            count = samples_peek(self.ring, &samples, 0xFFFFFFFF)
            if count == 0:
                break
            array = np.empty(count, np.int16)
            view = array
            memcpy(&view[0], samples, count * sizeof(int16_t))
            samples_release(self.ring, count)
            found.append(array)
        return found


cdef class NativeEngine:
    """Owns the C engine. All methods are called on one thread."""
    cdef Engine *engine
    cdef dict _legs
    cdef dict _bridges
    cdef dict _taps
    cdef uint64_t _next_id

    def __cinit__(self, int shards, int most_legs, uint64_t least_free):
        self._legs, self._bridges, self._taps = {}, {}, {}
        self._next_id = 1
        self.engine = engine_open(shards, most_legs, least_free)
        if self.engine == NULL:
            raise MemoryError("the media engine cannot start")

    cdef Engine *use(self) except NULL:
        if self.engine == NULL:
            raise ValueError("the engine is closed")
        return self.engine

    cdef uint64_t _id(self):
        self._next_id += 1
        return self._next_id

    @property
    def fileno(self):
        """Readable while events wait."""
        return self.use().wake

    def close(self):
        """End the threads; every recording is finished first. Returns the last events."""
        cdef NativeLeg leg
        cdef NativeBridge bridge
        cdef NativeTap tap
        cdef Engine *engine = self.engine
        if engine == NULL:
            return []
        with nogil:
            engine_stop(engine)
        found = self.events()
        self.engine = NULL
        engine_free(engine)
        for tap in self._taps.values():
            tap_free(tap.ring)
            tap.ring = NULL
        self._taps.clear()
        for leg in self._legs.values():
            leg.is_open = False
            leg_free(leg.leg)
        for bridge in self._bridges.values():
            bridge.is_open = False
            free(bridge.bridge)
        self._legs.clear()
        self._bridges.clear()
        return found

    def events(self):
        """Every event that waits, as (kind, id, a, b); objects they hand back are released."""
        cdef Event event
        cdef Engine *engine = self.use()
        found = []
        while engine_event(engine, &event):
            self._release(&event)
            found.append((event.kind, event.id, event.a, event.b))
        return found

    cdef void _release(self, Event *event):
        cdef NativeLeg leg
        cdef NativeBridge bridge
        cdef NativeTap tap
        if event.kind == <uint32_t>EVENT_CLOSED:
            leg = self._legs.pop(event.id)
            leg.is_open = False
            leg_free(leg.leg)
        elif event.kind == <uint32_t>EVENT_BRIDGE_CLOSED:
            bridge = self._bridges.pop(event.id)
            bridge.is_open = False
            free(bridge.bridge)
        elif event.kind == <uint32_t>EVENT_TAP_CLOSED:
            tap = self._taps.pop(<uint64_t><size_t>event.object)
            tap.ring = NULL
            tap_free(<SampleRing *>event.object)
        elif event.kind == <uint32_t>EVENT_RECORDED:
            recording_free(<Recording *>event.object)

    def add_leg(self, int shard, int phase, int rtp, int rtcp, uint32_t timeout_ms, uint64_t seed,
                bint secure):
        """Returns (id, leg); the sockets belong to the engine until `closed` comes."""
        cdef NativeLeg made = NativeLeg.__new__(NativeLeg)
        cdef uint64_t number = self._id()
        made.leg = leg_new(number, rtp, rtcp, timeout_ms, seed)
        if made.leg == NULL:
            raise MemoryError
        if secure and not leg_make_secure(made.leg):
            leg_free(made.leg)
            raise MemoryError
        made.shard, made.phase, made.is_open, made.is_secure = shard, phase, True, secure
        if not order_add_leg(&self.use().shards[shard], made.leg, phase):
            leg_free(made.leg)
            made.is_open = False
            raise OrdersFull
        self._legs[number] = made
        return number, made

    def remove_leg(self, NativeLeg leg):
        _check(order_remove_leg(leg.use()))
        leg.is_leaving = True

    def set_keys(self, NativeLeg leg, int profile, bytes ours, bytes theirs):
        """Of a secure leg: its SRTP profile, and the master keys with their salts."""
        cdef Srtp *inbound
        cdef Srtp *outbound
        cdef Py_ssize_t size = <Py_ssize_t>srtp_master_size(<SrtpProfile>profile)
        cdef Leg *used = leg.use()
        if not leg.is_secure or size == 0 or len(ours) != size or len(theirs) != size:
            raise ValueError("these are no keys for this leg")
        inbound = srtp_new(<SrtpProfile>profile, <const uint8_t *><const char *>theirs, False)
        outbound = srtp_new(<SrtpProfile>profile, <const uint8_t *><const char *>ours, True)
        if inbound == NULL or outbound == NULL or not order_keys(used, inbound, outbound):
            srtp_free(inbound)
            srtp_free(outbound)
            raise OrdersFull

    def set_peer(self, NativeLeg leg, str host, int port):
        """Of a secure leg: the only address that is heard and sent to."""
        cdef Address peer
        cdef Leg *used = leg.use()
        if not leg.is_secure:
            raise ValueError("the leg is not secure")
        memset(&peer, 0, sizeof(peer))
        _address(&peer, host, port)
        _check(order_peer(used, &peer))

    def datagrams(self, NativeLeg leg):
        """What has come to a secure leg that is not SRTP, as (bytes, host, port)."""
        cdef Datagram datagram
        found = []
        while leg.is_open and leg_datagram(leg.leg, &datagram):
            host, port = _host_and_port(&datagram.source)
            found.append((datagram.data[:datagram.size], host, port))
        return found

    def set_stream(self, NativeLeg leg, remote, int flow, int send_type, int send_codec, codecs,
                   int digit_send_type, int digit_receive_type, uint32_t digit_clock,
                   int packet_samples):
        """`remote` is (host, port) or None; `codecs` maps payload types to codecs,
        which are the numbers of codec.h."""
        cdef Stream stream
        cdef Leg *used = leg.use()
        memset(&stream, 0, sizeof(stream))
        memset(stream.codec_of, 0xFF, sizeof(stream.codec_of))
        if remote is not None:
            _address(&stream.remote, remote[0], remote[1])
            stream.has_remote = True
        stream.flow = flow
        stream.send_type = send_type
        stream.send_codec = <CodecKind>send_codec
        for payload_type, codec in codecs.items():
            stream.codec_of[<uint8_t>(payload_type & 0x7F)] = codec
        stream.digit_send_type = digit_send_type
        stream.digit_receive_type = digit_receive_type
        stream.digit_clock = digit_clock
        stream.packet_samples = packet_samples
        if send_codec == CODEC_OPUS or CODEC_OPUS in codecs.values():
            self._widen(leg)
        _check(order_stream(used, &stream))

    cdef int _widen(self, NativeLeg leg) except -1:
        """Give the leg what Opus needs, once."""
        cdef Wide *wide
        if leg.has_wide:
            return 0
        wide = wide_new()
        if wide == NULL:
            raise MemoryError
        if not order_wide(leg.use(), wide):
            wide_free(wide)
            raise OrdersFull
        leg.has_wide = True
        return 0

    def play(self, NativeLeg leg, const int16_t[::1] samples, bint loop):
        """Returns the id of the play; `samples` must live until its `played` event."""
        cdef uint64_t number = self._id()
        _check(order_play(leg.use(), &samples[0], samples.shape[0], number, loop))
        return number

    def stop_playing(self, NativeLeg leg):
        _check(order_stop_playing(leg.use()))

    def send_digit(self, NativeLeg leg, int event, int tone, int gap):
        _check(order_digit(leg.use(), event, tone, gap))

    def tap(self, NativeLeg leg, uint32_t samples):
        cdef NativeTap made = NativeTap.__new__(NativeTap)
        made.ring = tap_new(samples)
        if made.ring == NULL:
            raise MemoryError
        if not order_tap(leg.use(), made.ring):
            tap_free(made.ring)
            made.ring = NULL
            raise OrdersFull
        self._taps[<uint64_t><size_t>made.ring] = made
        return made

    def untap(self, NativeLeg leg):
        _check(order_tap(leg.use(), NULL))

    def add_bridge(self, int shard, int phase):
        cdef NativeBridge made = NativeBridge.__new__(NativeBridge)
        cdef uint64_t number = self._id()
        made.bridge = bridge_new(number)
        if made.bridge == NULL:
            raise MemoryError
        made.shard, made.phase, made.is_open = shard, phase, True
        if not order_add_bridge(&self.use().shards[shard], made.bridge, phase):
            free(made.bridge)
            made.is_open = False
            raise OrdersFull
        self._bridges[number] = made
        return number, made

    def join(self, NativeBridge bridge, NativeLeg leg, bint silent):
        _check(order_join(bridge.use(), leg.use(), silent))

    def part(self, NativeBridge bridge, NativeLeg leg):
        _check(order_part(bridge.use(), leg.use()))

    def set_gain(self, NativeBridge bridge, NativeLeg listener, NativeLeg source, int gain):
        _check(order_gain(bridge.use(), listener.use(), source.use(), gain))

    def remove_bridge(self, NativeBridge bridge):
        _check(order_remove_bridge(bridge.use()))
        bridge.is_leaving = True

    def record(self, int shard, int phase, int fd, int channels, NativeLeg left, NativeLeg right):
        """Returns the recording's id; the file belongs to the engine until `recorded` comes."""
        cdef uint64_t number = self._id()
        cdef Leg *one = left.use() if left is not None else NULL
        cdef Leg *two = right.use() if right is not None else NULL
        cdef Recording *recording = recording_new(number, fd, channels)
        if recording == NULL:
            raise MemoryError
        if not order_record(self.use(), &self.engine.shards[shard], recording, phase, one, two):
            recording_free(recording)
            raise OrdersFull
        return number

    def hear(self, int shard, uint64_t recording, NativeLeg leg, int side, bint heard):
        if leg.shard != shard:
            raise ValueError("the leg is of another media thread")
        _check(order_hear(&self.use().shards[shard], recording, leg.use(), side, heard))

    def pause(self, int shard, uint64_t recording, bint paused):
        _check(order_pause(&self.use().shards[shard], recording, paused))

    def stop_recording(self, int shard, uint64_t recording):
        _check(order_stop_recording(&self.use().shards[shard], recording))

    def ticks(self, int shard):
        """(ticks, overruns, skipped, durations us, lateness us) of the shard's last second."""
        cdef Shard *s = &self.use().shards[shard]
        cdef uint64_t i
        cdef uint64_t count = min(<uint64_t>s.ticks, <uint64_t>256)
        durations = [s.tick_us[i] for i in range(count)]
        lateness = [s.late_us[i] for i in range(count)]
        return s.ticks, s.overruns, s.skipped, durations, lateness


cdef int _check(bint given) except -1:
    if not given:
        raise OrdersFull
    return 0


cdef int _address(Address *address, str host, int port) except -1:
    cdef bytes packed
    if ":" in host:
        packed = socket.inet_pton(socket.AF_INET6, host)
        address.v6.sin6_family = AF_INET6
        address.v6.sin6_port = htons(port)
        memcpy(&address.v6.sin6_addr, <const char *>packed, 16)
    else:
        packed = socket.inet_pton(socket.AF_INET, host)
        address.v4.sin_family = AF_INET
        address.v4.sin_port = htons(port)
        memcpy(&address.v4.sin_addr, <const char *>packed, 4)
    return 0


cdef tuple _host_and_port(Address *address):
    if address.any.sa_family == AF_INET6:
        packed = (<const char *>&address.v6.sin6_addr)[:16]
        return socket.inet_ntop(socket.AF_INET6, packed), ntohs(address.v6.sin6_port)
    packed = (<const char *>&address.v4.sin_addr)[:4]
    return socket.inet_ntop(socket.AF_INET, packed), ntohs(address.v4.sin_port)
