/** `node --require usageProbe.cjs …` writes CPU time (µs) and largest memory (kB) of the process to the file BENCH_USAGE, when it ends. */
const { writeFileSync } = require('node:fs');

process.on('exit', () => {
  const { userCPUTime, systemCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(process.env.BENCH_USAGE, JSON.stringify({ cpuUs: userCPUTime + systemCPUTime, memoryKb: maxRSS }));
});
