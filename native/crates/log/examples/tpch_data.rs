//! Writes TPC-H's tables as `|`-separated text, for the tests and measurements that compare answers with another database.
//! `tpch_data <scale factor> <folder>`; the rows depend on the scale factor only.

use std::error::Error;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(scale), Some(folder)) = (args.next(), args.next()) else {
        return Err("usage: tpch_data <scale factor> <folder>".into());
    };
    let (scale, folder) = (scale.parse::<f64>()?, Path::new(&folder));
    write(folder, "region", RegionGenerator::new(scale, 1, 1).iter())?;
    write(folder, "nation", NationGenerator::new(scale, 1, 1).iter())?;
    write(folder, "supplier", SupplierGenerator::new(scale, 1, 1).iter())?;
    write(folder, "customer", CustomerGenerator::new(scale, 1, 1).iter())?;
    write(folder, "part", PartGenerator::new(scale, 1, 1).iter())?;
    write(folder, "partsupp", PartSuppGenerator::new(scale, 1, 1).iter())?;
    write(folder, "orders", OrderGenerator::new(scale, 1, 1).iter())?;
    write(folder, "lineitem", LineItemGenerator::new(scale, 1, 1).iter())?;
    Ok(())
}

fn write<Row: Display>(folder: &Path, table: &str, rows: impl Iterator<Item = Row>) -> Result<(), Box<dyn Error>> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join(table).with_extension("tbl"))?);
    for row in rows {
        writeln!(file, "{row}")?;
    }
    file.flush()?;
    Ok(())
}
