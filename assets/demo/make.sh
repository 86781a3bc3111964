#!/bin/sh
# Makes the content of the demo: a video with sound, pictures, the same pictures as archives. Everything is computed, nothing is
# taken from anywhere, so it is as free as the rest of the repository. Needs ffmpeg (libvpx, libopus, drawtext) and zip. The
# results are committed; run this only to change them.
set -eu
cd "$(dirname "$0")"
rm -rf content && mkdir -p content/pictures

seconds=16
ffmpeg -hide_banner -loglevel error -y -bitexact \
  -f lavfi -i "gradients=s=854x480:r=25:d=$seconds:n=4:seed=7:speed=0.012:c0=0x0b1f3a:c1=0x0f766e:c2=0x4c1d95:c3=0x155e75" \
  -f lavfi -i "color=c=0x5eead4:s=854x6:r=25:d=$seconds" \
  -f lavfi -i "aevalsrc=d=$seconds:s=48000:c=stereo:exprs='
    0.10*exp(-3*mod(t,0.5))*sin(2*PI*t*220*pow(2,(mod(floor(t*2)*5,12)+0)/12))+0.05*sin(2*PI*110*t)*(0.6+0.4*sin(2*PI*t/8)) |
    0.10*exp(-3*mod(t,0.5))*sin(2*PI*t*220*pow(2,(mod(floor(t*2)*5,12)+7)/12))+0.05*sin(2*PI*110.5*t)*(0.6+0.4*sin(2*PI*t/8))'" \
  -filter_complex "
    [0]drawtext=font='DejaVu Sans':fontsize=64:fontcolor=white:text='Universal P2P':x=(w-tw)/2:y=150+8*sin(2*PI*t/4),
       drawtext=font='DejaVu Sans':fontsize=26:fontcolor=white@0.85:text='this video came from a peer, piece by piece':x=(w-tw)/2:y=250,
       drawtext=font='DejaVu Sans Mono':fontsize=30:fontcolor=0x5eead4:text='%{pts\:hms}':x=(w-tw)/2:y=310,
       drawtext=font='DejaVu Sans':fontsize=18:fontcolor=white@0.7:text='drag the slider\: what you jump to is fetched first':x=w-mod(t*110\,w+tw):y=400[text];
    [text][1]overlay=x='-W+W*t/$seconds':y=H-6[v];
    [2]afade=t=in:d=1,afade=t=out:st=$((seconds - 2)):d=2[a]" \
  -map '[v]' -map '[a]' -t "$seconds" -c:v libvpx-vp9 -b:v 160k -minrate 0 -maxrate 300k -g 50 -row-mt 1 -deadline good -cpu-used 1 -pix_fmt yuv420p \
  -c:a libopus -b:a 40k content/video.webm

picture() { # NAME SOURCE PALETTE
  ffmpeg -hide_banner -loglevel error -y -bitexact -f lavfi -i "$2,format=gray,format=yuv444p,pseudocolor=preset=$3,format=yuv420p" \
    -frames:v 1 -q:v 5 "content/pictures/$1.jpg"
}
fractal() { # WHERE
  echo "mandelbrot=s=1920x1200:$1:maxiter=1200:inner=black:outer=normalized_iteration_count,scale=640:400:flags=area"
}
plane() { # EXPRESSION of X and Y, from 0 to 255
  echo "color=c=black:s=640x400,format=gray,geq=lum='$1'"
}
picture spiral  "$(fractal start_x=-0.7436:start_y=0.1318:start_scale=0.008)" viridis
picture island  "$(fractal start_x=-0.1592:start_y=-1.0317:start_scale=0.05)" plasma
picture waves   "$(plane '128+63*sin(hypot(X-190,Y-140)/8)+63*sin(hypot(X-470,Y-280)/8)')" magma
picture dunes   "$(plane 'clip(50+Y/2.4+36*sin(X/90+Y/26+1.6*sin(X/55))+12*sin(X/31-Y/14)*sin(Y/40),0,255)')" cividis

cat > content/hello.txt <<'TEXT'
Hello from the swarm.

Nobody has uploaded this text to a server. The page asked for it with a plain fetch(). The program on this computer found a peer that has it, checked every byte by its hash, and handed it over.
TEXT

find content -exec touch -d '2026-01-01T00:00:00Z' {} +
(cd content/pictures && TZ=UTC zip -q -0 -X ../pictures.zip spiral.jpg island.jpg waves.jpg dunes.jpg)
go run rar.go content/pictures/spiral.jpg content/pictures/island.jpg content/pictures/waves.jpg content/pictures/dunes.jpg
touch -d '2026-01-01T00:00:00Z' content/pictures.*
ls -l content content/pictures
