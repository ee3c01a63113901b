import { testFuzz } from "./fuzz.js";

testFuzz(Number(process.env.FUZZ_MESSAGES ?? 10_000));
