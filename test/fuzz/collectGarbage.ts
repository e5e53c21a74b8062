/** For processes under attack that are started with --expose-gc: what they hold at rest is seen, not what waits to be collected. */
setInterval(() => void globalThis.gc?.(), 2_000).unref();
