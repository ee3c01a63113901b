import { isOrdinary, testCells } from "./fault-cells.js";

testCells((transport, era) => !isOrdinary(transport, era));
