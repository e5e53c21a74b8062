/** TypeScript is stripped by swc; ES modules run natively (see the `test` script's --experimental-vm-modules). */
const transform = {
  '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2024' }, module: { type: 'es6' } }],
};
const tier = (displayName, testMatch, testTimeout) => ({
  displayName,
  testMatch,
  testTimeout,
  rootDir: import.meta.dirname,
  transform,
  extensionsToTreatAsEsm: ['.ts'],
  moduleFileExtensions: ['ts', 'mts', 'js', 'mjs', 'cjs', 'json', 'node'],
  testEnvironment: 'node',
});

export default {
  projects: [
    tier('unit', ['<rootDir>/{apps,packages}/**/*.test.ts'], 30_000),
    tier('integration', ['<rootDir>/test/integration/**/*.test.ts'], 180_000),
    tier('e2e', ['<rootDir>/test/e2e/**/*.test.ts'], 300_000),
  ],
  maxWorkers: 2,
};
