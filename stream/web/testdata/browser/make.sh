#!/bin/sh
# Makes picture.png, a test pattern, and video.mp4: ten seconds of a test pattern with a counter, a key frame every second, its index at the end of the file as
# cameras leave it. VP9 and Opus, which every Chromium plays.
set -e
cd "$(dirname "$0")"
ffmpeg -y -loglevel error -fflags +bitexact \
	-f lavfi -i testsrc2=size=160x120:rate=10:duration=10 -f lavfi -i sine=frequency=440:duration=10 \
	-c:v libvpx-vp9 -b:v 40k -g 10 -deadline good -cpu-used 4 -c:a libopus -b:a 8k -map_metadata -1 -flags +bitexact video.mp4
ffmpeg -y -loglevel error -fflags +bitexact -f lavfi -i testsrc2=size=32x24 -frames:v 1 picture.png
