import { testFuzz } from "./fuzz.js";

testFuzz(2_000);
