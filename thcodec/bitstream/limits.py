"""The caps of spec/thv.md, section 3. Each is checked before anything is allocated."""

MAX_PICTURE = 16384  # pixels, either side of the input picture and of its crop
MAX_CODED = 2048  # pixels, side of the coded square and of a still
MIN_CODED = 16
MAX_KEYPOINTS = 128
MAX_BANK = 64  # sources that are valid at one time
MAX_TRANSITION = 64  # frames that show two sources at a switch
MAX_STEP = 1 << 31  # quantiser step in units of 2**-24
MAX_VALUE = (1 << 23) - 1  # magnitude of a quantised parameter
MAX_TIME = (1 << 62) - 1  # magnitude of a presentation time, in ticks
MAX_TICKS = (1 << 31) - 1  # time base terms, durations and differences of time
MAX_TABLES = 4096  # bytes of shared JPEG tables
MAX_EXTRADATA = 1024  # bytes of audio set-up
MAX_NAME = 64  # bytes of UTF-8
MAX_PARAMETERS = 1 << 14  # bytes of the coded integers of a source
MAX_MOTION_FRAMES = 1024  # frames in one motion packet
MAX_MOTION_VALUES = 1 << 16  # integers in one motion packet, and as many as its body can pay for:
FREE_MOTION_VALUES = 128
MOTION_VALUES_PER_BYTE = 64
CHAIN_PIXELS_PER_BYTE = 1 << 14  # of a still that may build on others
MAX_AUDIO_PACKETS = 1024  # codec packets in one audio record
MAX_INDEX = 65536  # entries
MAX_FRAGMENTS = 4096  # of one record, parity not counted
MAX_METADATA = 1 << 20  # bytes of JSON after decompression, in all records of a stream

MAX_PAYLOAD = {  # bytes, by record type
    1: 1 << 16,
    2: 1 << 22,
    3: 1 << 20,
    4: 1 << 20,
    5: 1 << 20,
    6: 1 << 20,
    7: 1 << 12,
    8: (1 << 20) - 1,  # the short form of 3
    9: 1 << 16,
    10: 1 << 10,
}
MAX_PAYLOAD_UNKNOWN = 1 << 20
