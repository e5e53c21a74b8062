/** TypeScript is stripped by swc; ES modules run natively (see the `test` script's --experimental-vm-modules). */
const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
};
const tier = (displayName, testMatch) => ({
  displayName,
  testMatch,
  rootDir: import.meta.dirname,
  transform,
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'node'],
  testEnvironment: 'node',
});

export default {
  projects: [
    tier('unit', ['<rootDir>/{apps,packages}/**/*.test.ts']),
    tier('integration', ['<rootDir>/test/integration/**/*.test.ts']),
    tier('e2e', ['<rootDir>/test/e2e/**/*.test.ts']),
    // Takes longer than a change should wait: `npm run test:long`.
    tier('long', ['<rootDir>/test/long/**/*.test.ts']),
  ],
  maxWorkers: 2,
  /** Jest takes this from here only, not from a project. */
  testTimeout: 300_000,
};
