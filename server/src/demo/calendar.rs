//! Seconds since 1970 to a date and a time.

const WEEKDAYS: [&str; 7] = [
    "Thursday",
    "Friday",
    "Saturday",
    "Sunday",
    "Monday",
    "Tuesday",
    "Wednesday",
];
const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

/// A day and a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    year: u64,
    /// From 0.
    month: usize,
    /// From 1.
    day: u64,
    weekday: usize,
    second_of_day: u64,
}

impl Date {
    /// The date so many seconds after the start of 1970.
    pub fn from_unix(seconds: u64) -> Self {
        let days = seconds / 86_400;
        let (mut year, mut day) = (1970, days);
        while day >= days_of_year(year) {
            day -= days_of_year(year);
            year += 1;
        }
        let mut month = 0;
        while day >= days_of_month(year, month) {
            day -= days_of_month(year, month);
            month += 1;
        }
        Self {
            year,
            month,
            day: day + 1,
            weekday: (days % 7) as usize,
            second_of_day: seconds % 86_400,
        }
    }

    /// Hours and minutes.
    pub fn clock(&self) -> String {
        let minutes = self.second_of_day / 60;
        format!("{:02}:{:02}", minutes / 60, minutes % 60)
    }

    /// Weekday, day and month, short.
    pub fn short(&self) -> String {
        format!(
            "{} {} {}",
            &WEEKDAYS[self.weekday][..3],
            self.day,
            &MONTHS[self.month][..3]
        )
    }

    /// All there is to say.
    pub fn long(&self) -> String {
        format!(
            "{}, {} {} {}, {}:{:02}",
            WEEKDAYS[self.weekday],
            self.day,
            MONTHS[self.month],
            self.year,
            self.clock(),
            self.second_of_day % 60
        )
    }
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u64, month: usize) -> u64 {
    match month {
        1 => 28 + u64::from(is_leap(year)),
        3 | 5 | 8 | 10 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_moments_have_their_dates() {
        assert_eq!(
            Date::from_unix(0).long(),
            "Thursday, 1 January 1970, 00:00:00"
        );
        assert_eq!(
            Date::from_unix(1_709_209_845).long(),
            "Thursday, 29 February 2024, 12:30:45"
        );
        assert_eq!(Date::from_unix(4_102_444_799).short(), "Thu 31 Dec");
    }
}
