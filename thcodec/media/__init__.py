"""Pictures and sound in and out: files, pipes, faces and crops.

Nothing is imported here, so that ``thcodec.media.audio`` can be used without opening OpenCV and
the other way round.
"""
